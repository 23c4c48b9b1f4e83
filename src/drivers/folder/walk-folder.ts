/** What lies below the one folder of a component. Lifeboat's own journal and staging names are never part of it. */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attributes } from '../../domain/attributes.ts';
import type { EntryMeta, OtherEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { LeftOut } from '../../domain/left-out.ts';
import { compareInWalk } from '../../domain/path-order.ts';
import { longestStaged, longPath } from '../files/long-path.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { hasVanished } from '../../domain/vanished.ts';
import { readOwners, type Owners } from '../files/owners.ts';
import { linkTarget } from '../files/paths.ts';
import { specialKind } from '../files/special-kind.ts';
import { isLifeboatName } from '../swap/names.ts';

export type FolderEntry =
  | {
      readonly kind: 'file';
      readonly meta: EntryMeta & { readonly type: 'file' };
      readonly absolutePath: string;
      readonly size: number;
    }
  | { readonly kind: 'other'; readonly meta: OtherEntry };

/** Permission bits, owner and attributes of the folder itself: its entry has no path of its own. */
export interface FolderOwner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user?: string;
  readonly group?: string;
  readonly xattrs?: Attributes;
}

/** What a walk meets and does not give. */
export interface WalkNotices {
  /** Sockets, pipes and devices. */
  readonly leaveOut?: (left: LeftOut) => void;
  /** What was listed, and was gone or something else when it was looked at. */
  readonly vanished?: (path: string) => void;
}

/** In the order of a walk: a folder before what is in it, names in byte order. SourceEmpty where the folder does not exist. */
export async function walkFolder(root: string, component: string, notices: WalkNotices = {}): Promise<FolderEntry[]> {
  const entries: FolderEntry[] = [];
  const names = await readdir(root).catch((error: unknown) => {
    throw unusable(error, root, component);
  });
  await walk({ folder: root, prefix: '', entries, component, owners: await readOwners(), ...notices }, names);
  const keyOf = ({ meta }: FolderEntry): string => Buffer.from(meta.path).toString('latin1');
  return entries.sort((a, b) => compareInWalk(keyOf(a), keyOf(b)));
}

export async function ownerOf(root: string): Promise<FolderOwner> {
  const { mode, uid, gid } = await stat(root);
  return { mode: mode & 0o7777, uid, gid, ...(await readOwners()).names(uid, gid) };
}

interface Visit extends WalkNotices {
  readonly folder: string;
  /** Path of the folder below the root, empty or with a slash at its end. */
  readonly prefix: string;
  readonly entries: FolderEntry[];
  readonly component: string;
  readonly owners: Owners;
}

async function walk(visit: Visit, names: readonly string[]): Promise<void> {
  const { folder, prefix, entries, component } = visit;
  for (const name of names) {
    if (isLifeboatName(name)) continue;
    const absolutePath = join(folder, name);
    if (name.includes('\uFFFD')) throw notUtf8(absolutePath, component);
    const seen = await look(absolutePath, component);
    if (seen === undefined) {
      visit.vanished?.(absolutePath);
      continue;
    }
    const entry = describe(absolutePath, prefix + name, { ...visit, seen });
    if (entry === undefined) {
      visit.leaveOut?.({ path: absolutePath, what: specialKind(seen.stats) });
      continue;
    }
    entries.push(entry);
    if (seen.names !== undefined)
      await walk({ ...visit, folder: absolutePath, prefix: `${prefix}${name}/` }, seen.names);
  }
}

interface Seen {
  readonly stats: BigIntStats;
  readonly linkText?: Buffer;
  /** Names in it, where it is a folder. */
  readonly names?: readonly string[];
}

/** Undefined where it went, or became something else, before all of it was seen: a temporary file or folder of the application. */
async function look(path: string, component: string): Promise<Seen | undefined> {
  try {
    const stats = await lstat(path, { bigint: true });
    if (stats.isSymbolicLink()) return { stats, linkText: await readlink(path, { encoding: 'buffer' }) };
    if (!stats.isDirectory()) return { stats };
    const names = await readdir(path);
    // A link in the folder's place was followed.
    return (await lstat(path)).isDirectory() ? { stats, names } : undefined;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (hasVanished(code) || (code === 'EINVAL' && syscall === 'readlink')) return undefined;
    throw unusable(error, path, component);
  }
}

function unusable(error: unknown, folder: string, component: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT')
    return new LifeboatError('SourceEmpty', `the folder \`${folder}\` does not exist`, { component, cause: error });
  if (code === 'ENOTDIR')
    return new LifeboatError('Precondition', `\`${folder}\` is not a folder`, {
      component,
      hint: 'configure the folder itself',
      cause: error,
    });
  if (code === 'ENAMETOOLONG') return longPath(Buffer.from(folder), longestStaged('', component), component);
  if (code === 'EACCES' || code === 'EPERM')
    return new LifeboatError('PermissionDenied', `the folder \`${folder}\` cannot be read`, {
      component,
      hint: refusedHint(code, process.getuid?.()),
      cause: error,
    });
  return error;
}

/** Undefined for a socket, a pipe or a device. */
function describe(
  absolutePath: string,
  path: string,
  { owners, seen: { stats, linkText } }: Visit & { readonly seen: Seen },
): FolderEntry | undefined {
  const [uid, gid] = [Number(stats.uid), Number(stats.gid)];
  const mode = Number(stats.mode & 0o7777n);
  const common = { path, mode, mtimeNs: String(stats.mtimeNs), uid, gid, ...owners.names(uid, gid) };
  if (stats.isFile())
    return { kind: 'file', meta: { ...common, type: 'file' }, absolutePath, size: Number(stats.size) };
  if (stats.isDirectory()) return { kind: 'other', meta: { ...common, type: 'directory' } };
  return linkText === undefined
    ? undefined
    : { kind: 'other', meta: { ...common, type: 'symlink', ...linkTarget(linkText) } };
}

function notUtf8(path: string, component: string): LifeboatError {
  return new LifeboatError('Precondition', `the name \`${path}\` is not UTF-8`, {
    component,
    hint: 'rename it, or back the folder up as a component of kind `files`',
  });
}
