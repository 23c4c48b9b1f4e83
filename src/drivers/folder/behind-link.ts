/** Looks for data of a kind in a folder that a link leads to, links in it followed too. */
import type { Dirent } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { realPath, type Ground } from '../files/lead.ts';

/** A link may lead to the root of the host: the nearest entries are looked at. */
const maxEntries = 20_000;

export interface BehindLink {
  /** The first that was found. */
  readonly found?: string;
  /** Why not everything was looked at. */
  readonly unseen?: string;
}

/** `isData` is asked for files, by their real path and by the name of a link to them. What any component carries is passed over. */
export async function lookBehind(
  folder: string,
  isData: (path: string) => Promise<boolean>,
  ground: Ground,
): Promise<BehindLink> {
  const waiting = [folder];
  const visited = new Set<string>();
  let entries = 0;
  let unseen: string | undefined;
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    if (visited.has(at) || ground.isOwn(at) || ground.isOthers(at)) continue;
    visited.add(at);
    try {
      for await (const child of await opendir(Buffer.from(at, 'latin1'), { encoding: 'latin1' })) {
        entries += 1;
        if (entries > maxEntries) return { unseen: `it holds more than ${maxEntries} entries` };
        const seen = await lookAt(`${at === '/' ? '' : at}/${child.name}`, child);
        if (seen === undefined) continue;
        if (seen.type === 'folder') waiting.push(seen.path);
        else if (!ground.isOwn(seen.path) && !ground.isOthers(seen.path) && (await anyOf(seen.names, isData)))
          return { found: seen.names[0] };
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // What goes while it is looked at is not there.
      if (code !== 'ENOENT') unseen = `\`${at}\` cannot be listed (${code})`;
    }
  }
  return unseen === undefined ? {} : { unseen };
}

type Seen =
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'file'; readonly path: string; readonly names: readonly [string, ...string[]] };

/** Undefined for what is neither file nor folder, or leads to neither. */
async function lookAt(path: string, entry: Dirent): Promise<Seen | undefined> {
  if (entry.isDirectory()) return { type: 'folder', path };
  if (entry.isFile()) return { type: 'file', path, names: [path] };
  if (!entry.isSymbolicLink()) return undefined;
  const real = await realPath(path).catch(() => undefined);
  const stats = real === undefined ? undefined : await stat(Buffer.from(real, 'latin1')).catch(() => undefined);
  if (real === undefined || stats === undefined) return undefined;
  if (stats.isDirectory()) return { type: 'folder', path: real };
  return stats.isFile() ? { type: 'file', path: real, names: [path, real] } : undefined;
}

async function anyOf(paths: readonly string[], isData: (path: string) => Promise<boolean>): Promise<boolean> {
  for (const path of paths) if (await isData(path)) return true;
  return false;
}
