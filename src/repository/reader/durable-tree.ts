/** Brings restored files to stable storage before anybody switches to them. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errnoOf } from '../../storage/errno.ts';

/** Up to here an fsync for each path; beyond, one syncfs: thousands of fsyncs take a journal commit each. */
const fewPaths = 64;

export class DurableTree {
  #paths: Buffer[] | undefined = [];

  /** A file or folder that was written and not synced. */
  add(path: Buffer): void {
    this.#paths?.push(path);
    if (this.#paths !== undefined && this.#paths.length > fewPaths) this.#paths = undefined;
  }

  /** `roots` hold everything that was added. */
  async sync(roots: readonly Buffer[]): Promise<void> {
    if (this.#paths !== undefined) {
      for (const path of this.#paths) await syncPath(path);
      for (const root of roots) await syncPath(root);
      return;
    }
    const synced = new Set<number>();
    for (const root of roots) {
      const { dev } = await lstat(root);
      if (synced.has(dev)) continue;
      if (await syncFileSystem(root)) synced.add(dev);
      else await syncTree(root);
    }
  }
}

/** syncfs(2) by the `sync` of coreutils; false where it has no `-f`. */
async function syncFileSystem(root: Buffer): Promise<boolean> {
  try {
    await promisify(execFile)('sync', ['-f', root.toString()]);
    return true;
  } catch {
    return false;
  }
}

async function syncTree(folder: Buffer): Promise<void> {
  for (const name of await readdir(folder, { encoding: 'buffer' })) {
    const path = Buffer.concat([folder, Buffer.from('/'), name]);
    const facts = await lstat(path);
    if (facts.isDirectory()) await syncTree(path);
    else if (facts.isFile()) await syncPath(path);
  }
  await syncPath(folder);
}

async function syncPath(path: Buffer): Promise<void> {
  let handle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    // Mode 0200 or 0000: such a file can only be opened for writing, or by root.
    if (errnoOf(error) !== 'EACCES') throw error;
    handle = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW).catch(() => undefined);
  }
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}
