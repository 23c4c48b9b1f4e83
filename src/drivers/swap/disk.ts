/** Facts about disks: which filesystem, how much room. And the durable write of small files. */
import { constants } from 'node:fs';
import { open, lstat, rename, rm, statfs } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

/** Id of the filesystem that holds the path, or would: an absent path counts for its nearest existing parent. */
export async function deviceOf(path: string): Promise<string> {
  return (await lstat(await nearestExisting(path), { bigint: true })).dev.toString();
}

/** Bytes that this user may still write on the path's filesystem. */
export async function freeBytes(path: string): Promise<number> {
  const stats = await statfs(await nearestExisting(path));
  return stats.bavail * stats.bsize;
}

/** The path itself, or its nearest parent that exists. */
export async function nearestExisting(path: string): Promise<string> {
  for (let current = path; ; current = dirname(current)) {
    const found = await lstat(current).catch(() => undefined);
    if (found !== undefined || current === dirname(current)) return current;
  }
}

/** `<folder>/<name>` in bytes: names need not be UTF-8. */
export function childPath(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name]);
}

/** Makes the content of a file durable. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a small file so that a crash leaves the old or the new content: temporary name, fsync, rename, fsync folder. */
export async function writeDurably(path: string, content: string, owner?: { uid: number; gid: number }): Promise<void> {
  const temporary = join(dirname(path), `${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}
