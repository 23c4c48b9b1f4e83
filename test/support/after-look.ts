/** Changes to the file system at the moment that a program has just looked, which no race would meet each time. */
import syncFs from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { PathLike } from 'node:fs';

/**
 * Runs the change after the first `lstat` of each path, before the caller goes on; one that must end at once, where the
 * look is synchronous. The looks themselves stay the real ones.
 */
export async function afterLook<T>(changes: ReadonlyMap<string, () => unknown>, work: () => Promise<T>): Promise<T> {
  const due = new Map(changes);
  const { lstat } = fs;
  const { lstatSync } = syncFs;
  const take = (path: PathLike): (() => unknown) | undefined => {
    const key = Buffer.isBuffer(path) ? path.toString() : String(path);
    const change = due.get(key);
    due.delete(key);
    return change;
  };
  const looking = async (path: PathLike, options?: { bigint: true }): Promise<unknown> => {
    const stats = await lstat(path, options);
    await take(path)?.();
    return stats;
  };
  const lookingSync = (path: PathLike, options?: { bigint: true }): unknown => {
    const stats = lstatSync(path, options);
    take(path)?.();
    return stats;
  };
  Object.assign(fs, { lstat: looking });
  Object.assign(syncFs, { lstatSync: lookingSync });
  syncBuiltinESMExports();
  try {
    const result = await work();
    if (due.size > 0) throw new Error(`nobody looked at ${[...due.keys()].join(', ')}`);
    return result;
  } finally {
    Object.assign(fs, { lstat });
    Object.assign(syncFs, { lstatSync });
    syncBuiltinESMExports();
  }
}
