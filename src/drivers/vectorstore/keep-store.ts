/** A copy of a vector store beside it, before its application writes another one in its place. */
import { constants } from 'node:fs';
import { cp, lstat, rename, rm } from 'node:fs/promises';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { formatBytes } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { freeBytes, treeBytes } from '../swap/disk.ts';

/** Its path; undefined where there is no store. One that an earlier attempt of the same run made is it. NoSpace. */
export async function keepStore({ id, path }: VectorstoreConfig, since: Date): Promise<string | undefined> {
  const kept = `${path}.before-rebuild-${since.toISOString().replaceAll(/[:.]/g, '')}`;
  if (await isThere(kept)) return kept;
  if (!(await isThere(path))) return undefined;
  const [need, free] = await Promise.all([treeBytes(path), freeBytes(path)]);
  if (need > free)
    throw new LifeboatError(
      'NoSpace',
      `no room for a copy of \`${path}\` before it is built anew: ${formatBytes(need)}, ${formatBytes(free)} are free`,
      { component: id, hint: 'make room, or move the store away by hand if it is not worth anything' },
    );
  const part = `${kept}.part`;
  await rm(part, { recursive: true, force: true });
  // Shares the blocks where the filesystem can.
  await cp(path, part, { recursive: true, mode: constants.COPYFILE_FICLONE, preserveTimestamps: true });
  await rename(part, kept);
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
