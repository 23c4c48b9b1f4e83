import { accessSync, constants, statfsSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** A folder of its own, short enough for sockets, and gone with `remove()`. */
export async function temporaryFolder(prefix = 'test', parent = tmpdir()): Promise<TemporaryFolder> {
  const path = await realpath(await mkdtemp(join(parent, `lifeboat-${prefix}-`)));
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5 });
  return { path, remove };
}

const shared = '/dev/shm';
/** Tests of four processes at once; a container often has 64 MB there. */
const leastBytes = 2e9;

/** A file system in memory for tests that write ten thousand small files and mean none of them; else the usual place. */
export function memoryFolder(): string {
  try {
    accessSync(shared, constants.W_OK);
    const { bavail, bsize } = statfsSync(shared);
    return bavail * bsize >= leastBytes ? shared : tmpdir();
  } catch {
    return tmpdir();
  }
}
