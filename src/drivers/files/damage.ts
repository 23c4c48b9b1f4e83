/** Which configured paths the disk gives back no more: `--replace-damaged` deletes nothing else. */
import { createReadStream } from 'node:fs';
import { constants } from 'node:os';
import type { FilesConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { hasVanished } from '../../domain/vanished.ts';
import { walkTree, type WalkTree } from '../tree/tree-threads.ts';
import { rootsOf } from './paths.ts';
import { unusable } from './walk.ts';

/** What a disk or its filesystem says of bytes that it lost. The last is EUCLEAN, which Node has no name for. */
const lostBytes: readonly number[] = [constants.errno.EIO, constants.errno.EBADMSG, 117];

/**
 * The damaged ones. Files have no structure that could be checked, so only a failing disk is proof; a path that is gone
 * leaves nothing to delete. Reads all of them. PermissionDenied, SourceCorrupt for any other fault of reading.
 */
export async function damagedRoots(
  config: FilesConfig,
  signal: AbortSignal,
  walk: WalkTree = walkTree,
): Promise<string[]> {
  const damaged: string[] = [];
  for (const root of rootsOf(config.paths)) if (await isDamaged(root, config, { signal, walk })) damaged.push(root);
  return damaged;
}

async function isDamaged(
  root: string,
  config: FilesConfig,
  { signal, walk }: { readonly signal: AbortSignal; readonly walk: WalkTree },
): Promise<boolean> {
  const { id: component, exclude } = config;
  try {
    for await (const batch of walk({ component, roots: [root], exclude })) {
      for (const found of batch) {
        signal.throwIfAborted();
        if (found.kind === 'file') await readThrough(Buffer.from(found.source, 'latin1'), component);
      }
    }
    return false;
  } catch (error) {
    if (isLifeboatError(error, 'SourceEmpty')) return false;
    const { errno } = (isLifeboatError(error) ? error.cause : error) as NodeJS.ErrnoException;
    if (errno !== undefined && lostBytes.includes(-errno)) return true;
    throw error;
  }
}

async function readThrough(path: Buffer, component: string): Promise<void> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) void chunk;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What goes, or becomes a folder, while it is looked at is no loss of the disk.
    if (hasVanished(code) || code === 'EISDIR') return;
    throw unusable(error, path.toString(), component);
  }
}
