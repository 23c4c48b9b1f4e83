/** A copy of a vector store beside it, before its application writes another one in its place. */
import { constants } from 'node:fs';
import { cp, lstat, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { formatBytes } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { freeBytes, syncFile } from '../swap/disk.ts';
import { treeBytes } from '../tree/tree-threads.ts';

/** Its path; undefined where there is no store. One that an earlier attempt of the same run made is it. NoSpace. */
export async function keepStore({ id, path }: VectorstoreConfig, since: Date): Promise<string | undefined> {
  if (!(await isThere(path))) return undefined;
  // The store itself, where the path leads to it.
  const store = await realpath(path);
  const kept = `${store}.before-rebuild-${since.toISOString().replaceAll(/[:.]/g, '')}`;
  if (await isThere(kept)) return kept;
  const [need, free] = await Promise.all([treeBytes(store), freeBytes(dirname(store))]);
  if (need > free)
    throw new LifeboatError(
      'NoSpace',
      `no room for a copy of \`${store}\` before it is built anew: ${formatBytes(need)}, ${formatBytes(free)} are free`,
      { component: id, hint: 'make room, or move the store away by hand if it is not worth anything' },
    );
  const part = `${kept}.part`;
  await rm(part, { recursive: true, force: true });
  try {
    // Shares the blocks where the filesystem can.
    await cp(store, part, {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
      preserveTimestamps: true,
      // Else a relative link of the copy would lead to the store that is written anew.
      verbatimSymlinks: true,
    });
    for (const entry of await readdir(part, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) await syncFile(join(entry.parentPath, entry.name));
    await rename(part, kept);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
  return kept;
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
