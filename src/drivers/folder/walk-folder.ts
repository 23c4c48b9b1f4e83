/** What lies below the one folder of a component. Lifeboat's own journal and staging names are never part of it. */
import { lstat, opendir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attributes } from '../../domain/attributes.ts';
import type { EntryMeta, OtherEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { LeftOut } from '../../domain/left-out.ts';
import { longestStaged, longPath } from '../files/long-path.ts';
import { refusedHint } from '../../domain/refused-access.ts';
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

/** In path order. SourceEmpty where the folder does not exist. Sockets, pipes and devices go to `leaveOut`. */
export async function walkFolder(
  root: string,
  component: string,
  leaveOut: (left: LeftOut) => void = () => {},
): Promise<FolderEntry[]> {
  const entries: FolderEntry[] = [];
  await walk({ folder: root, prefix: '', entries, component, owners: await readOwners(), leaveOut });
  return entries.sort((a, b) => (a.meta.path < b.meta.path ? -1 : 1));
}

export async function ownerOf(root: string): Promise<FolderOwner> {
  const { mode, uid, gid } = await stat(root);
  return { mode: mode & 0o7777, uid, gid, ...(await readOwners()).names(uid, gid) };
}

interface Visit {
  readonly folder: string;
  /** Path of the folder below the root, empty or with a slash at its end. */
  readonly prefix: string;
  readonly entries: FolderEntry[];
  readonly component: string;
  readonly owners: Owners;
  readonly leaveOut: (left: LeftOut) => void;
}

async function walk(visit: Visit): Promise<void> {
  const { folder, prefix, entries, component } = visit;
  for await (const child of await openFolder(folder, component)) {
    if (isLifeboatName(child.name)) continue;
    const path = prefix + child.name;
    const absolutePath = join(folder, child.name);
    if (child.name.includes('\uFFFD')) throw notUtf8(absolutePath, component);
    const entry = await describe(absolutePath, path, visit);
    if (entry === undefined) continue;
    entries.push(entry);
    if (entry.meta.type === 'directory') await walk({ ...visit, folder: absolutePath, prefix: `${path}/` });
  }
}

async function openFolder(folder: string, component: string): Promise<Awaited<ReturnType<typeof opendir>>> {
  try {
    return await opendir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new LifeboatError('SourceEmpty', `the folder \`${folder}\` does not exist`, { component, cause: error });
    if (code === 'ENOTDIR')
      throw new LifeboatError('Precondition', `\`${folder}\` is not a folder`, {
        component,
        hint: 'configure the folder itself',
        cause: error,
      });
    if (code === 'ENAMETOOLONG') throw longPath(Buffer.from(folder), longestStaged('', component), component);
    if (code === 'EACCES' || code === 'EPERM')
      throw new LifeboatError('PermissionDenied', `the folder \`${folder}\` cannot be read`, {
        component,
        hint: refusedHint(code, process.getuid?.()),
        cause: error,
      });
    throw error;
  }
}

async function describe(
  absolutePath: string,
  path: string,
  { owners, leaveOut }: Visit,
): Promise<FolderEntry | undefined> {
  const stats = await lstat(absolutePath, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    // A temporary file of the application may go between listing and looking.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (stats === undefined) return undefined;
  const [uid, gid] = [Number(stats.uid), Number(stats.gid)];
  const mode = Number(stats.mode & 0o7777n);
  const common = { path, mode, mtimeNs: String(stats.mtimeNs), uid, gid, ...owners.names(uid, gid) };
  if (stats.isFile())
    return { kind: 'file', meta: { ...common, type: 'file' }, absolutePath, size: Number(stats.size) };
  if (stats.isDirectory()) return { kind: 'other', meta: { ...common, type: 'directory' } };
  if (stats.isSymbolicLink()) {
    const text = await readlink(absolutePath, { encoding: 'buffer' });
    return { kind: 'other', meta: { ...common, type: 'symlink', ...linkTarget(text) } };
  }
  leaveOut({ path: absolutePath, what: specialKind(stats) });
  return undefined;
}

function notUtf8(path: string, component: string): LifeboatError {
  return new LifeboatError('Precondition', `the name \`${path}\` is not UTF-8`, {
    component,
    hint: 'rename it, or back the folder up as a component of kind `files`',
  });
}
