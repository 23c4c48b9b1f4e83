/**
 * How a live path can be switched, seen from the disk alone: by renaming it, by exchanging the children of a mount
 * root, or by repointing a link. Decides where staging, old data and journal lie.
 */
import { constants } from 'node:fs';
import { access, lstat, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { deviceOf } from './disk.ts';
import { mountPoints } from './mounts.ts';

export type SwapMode = 'rename' | 'exchange' | 'pointer';

export interface Place {
  readonly live: string;
  readonly mode: SwapMode;
  /** Holds staging and old data; on the filesystem of the live data. May be absent after a disaster. */
  readonly folder: string;
  /** Holds journal and lease. */
  readonly anchor: string;
  /** What the live path leads to: itself, or the target of the link (which may be gone). */
  readonly target: string;
  /** Pointer mode: the link's text. */
  readonly linkText?: string;
  readonly exists: boolean;
}

export async function placeOf(live: string): Promise<Place> {
  if (resolve(live) !== live)
    throw new LifeboatError('InputInvalid', `live path \`${live}\` is not absolute and plain`);
  const stats = await lstat(live).catch(absentOnly);
  if (stats?.isSymbolicLink() === true) return linkedPlace(live);
  if (stats?.isDirectory() === true && ((await isMountPoint(live)) || !(await isWritable(dirname(live))))) {
    return { live, mode: 'exchange', folder: live, anchor: live, target: live, exists: true };
  }
  if (stats !== undefined && !stats.isDirectory() && (await isMountPoint(live))) {
    throw new LifeboatError('Precondition', `\`${live}\` is a file that is mounted by itself: it cannot be exchanged`, {
      hint: 'mount its folder instead of the single file',
    });
  }
  const folder = dirname(live);
  return { live, mode: 'rename', folder, anchor: folder, target: live, exists: stats !== undefined };
}

async function linkedPlace(live: string): Promise<Place> {
  const linkText = await readlink(live);
  const anchor = dirname(live);
  const real = await realpath(live).catch(absentOnly);
  if (real === undefined) {
    const target = resolve(anchor, linkText);
    return { live, mode: 'pointer', folder: dirname(target), anchor, target, linkText, exists: false };
  }
  const isFolder = (await lstat(real)).isDirectory();
  // A link to a mount root: the disk with the room for a second copy is the one below the mount.
  if (isFolder && ((await isMountPoint(real)) || !(await isWritable(dirname(real))))) {
    return { live: real, mode: 'exchange', folder: real, anchor: real, target: real, exists: true };
  }
  return { live, mode: 'pointer', folder: dirname(real), anchor, target: real, linkText, exists: true };
}

async function isMountPoint(path: string): Promise<boolean> {
  if ((await deviceOf(path)) !== (await deviceOf(dirname(path)))) return true;
  // A bind mount of the same filesystem shows only here.
  const real = resolve(await realpath(dirname(path)), basename(path));
  return (await mountPoints()).includes(real);
}

async function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

function absentOnly(error: unknown): undefined {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  if (code === 'EACCES')
    throw new LifeboatError('PermissionDenied', `cannot look at live data: ${(error as Error).message}`, {
      hint: refusedHint(code, process.getuid?.()),
      cause: error,
    });
  throw error;
}
