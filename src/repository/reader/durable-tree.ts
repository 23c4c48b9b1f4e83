/** Brings restored files to stable storage before anybody switches to them. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises';
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
    if (this.#paths !== undefined && (await syncEach([...this.#paths, ...roots]))) return;
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

/** False where one of them may not be opened. */
async function syncEach(paths: readonly Buffer[]): Promise<boolean> {
  for (const path of paths) if (!(await syncPath(path))) return false;
  return true;
}

/** False for a file that may be opened neither for reading nor for writing: one of mode 0000, unless by root. */
async function syncPath(path: Buffer): Promise<boolean> {
  const handle = (await openTo(constants.O_RDONLY, path)) ?? (await openTo(constants.O_WRONLY, path));
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
  return handle !== undefined;
}

async function openTo(access: number, path: Buffer): Promise<FileHandle | undefined> {
  try {
    return await open(path, access | constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    return undefined;
  }
}
