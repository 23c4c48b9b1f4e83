/** What lies below the one folder of a component. Lifeboat's own journal and staging names are never part of it. */
import { lstat, opendir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { EntryMeta, OtherEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';

export type FolderEntry =
  | {
      readonly kind: 'file';
      readonly meta: EntryMeta & { readonly type: 'file' };
      readonly absolutePath: string;
      readonly size: number;
    }
  | { readonly kind: 'other'; readonly meta: OtherEntry };

/** Permission bits and owner of the folder itself: its entry has no path of its own. */
export interface FolderOwner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const ownNames = '.lifeboat';

/** In path order. SourceEmpty where the folder does not exist. Sockets, pipes and devices are left out. */
export async function walkFolder(root: string, component: string): Promise<FolderEntry[]> {
  const entries: FolderEntry[] = [];
  await walk(root, '', entries, component);
  return entries.sort((a, b) => (a.meta.path < b.meta.path ? -1 : 1));
}

export async function ownerOf(root: string): Promise<FolderOwner> {
  const stats = await lstat(root);
  return { mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
}

async function walk(folder: string, prefix: string, entries: FolderEntry[], component: string): Promise<void> {
  for await (const child of await openFolder(folder, component)) {
    if (prefix === '' && child.name.startsWith(ownNames)) continue;
    const path = prefix + child.name;
    const absolutePath = join(folder, child.name);
    if (child.name.includes('\uFFFD')) throw notUtf8(absolutePath, component);
    const entry = await describe(absolutePath, path);
    if (entry === undefined) continue;
    entries.push(entry);
    if (entry.meta.type === 'directory') await walk(absolutePath, `${path}/`, entries, component);
  }
}

async function openFolder(folder: string, component: string): Promise<Awaited<ReturnType<typeof opendir>>> {
  try {
    return await opendir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new LifeboatError('SourceEmpty', `the folder \`${folder}\` does not exist`, { component, cause: error });
    if (code === 'EACCES' || code === 'EPERM')
      throw new LifeboatError('PermissionDenied', `the folder \`${folder}\` cannot be read`, {
        component,
        cause: error,
      });
    throw error;
  }
}

async function describe(absolutePath: string, path: string): Promise<FolderEntry | undefined> {
  const stats = await lstat(absolutePath, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    // A temporary file of the application may go between listing and looking.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (stats === undefined) return undefined;
  const common = {
    path,
    mode: Number(stats.mode & 0o7777n),
    mtimeNs: String(stats.mtimeNs),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
  };
  if (stats.isFile())
    return { kind: 'file', meta: { ...common, type: 'file' }, absolutePath, size: Number(stats.size) };
  if (stats.isDirectory()) return { kind: 'other', meta: { ...common, type: 'directory' } };
  if (stats.isSymbolicLink())
    return { kind: 'other', meta: { ...common, type: 'symlink', target: await readlink(absolutePath) } };
  return undefined;
}

function notUtf8(path: string, component: string): LifeboatError {
  return new LifeboatError('Precondition', `the name \`${path}\` is not UTF-8`, {
    component,
    hint: 'rename it, or back the folder up as a component of kind `files`',
  });
}
