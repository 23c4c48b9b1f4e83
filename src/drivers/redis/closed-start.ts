/**
 * Files with which a server refuses to start. They lie where a restore had laid files out for a start that did not come: had
 * those stayed, that start would later read them in the place of newer data; were nothing there, it would come up empty and
 * save that. Whoever is refused reads in the server's log, or in the file, what to do.
 */
import { link, readFile, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../swap/disk.ts';
import { quoteWord } from './config-text.ts';

const comment =
  '# Closed by a restore: the server started otherwise, and what this start would have read is older than its data.';
const remedy =
  'Start it with appendonly no and the name of the dump that it writes. Then CONFIG SET appendonly yes writes new files.';

/** In the place of a dump, and of an append-only file before 7.0: neither begins so. */
export const closedFile = `${comment}\n# ${remedy}\n`;

/** In the place of a manifest: the server ends where a file is missing that is named in it, and names it in its log. */
export const closedManifest = `${closedFile}file ${quoteWord('see the manifest (start once with appendonly no)')} seq 1 type b\n`;

export type Owner = { readonly uid: number; readonly gid: number };

/** Whether `text` is one of the two. */
export function isClosed(text: string | undefined): boolean {
  return text?.startsWith(comment) === true;
}

/** Names of the files in a folder that close a start. */
export async function closedIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const closed: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const size = (await stat(path).catch(() => undefined))?.size;
    if (size !== closedFile.length && size !== closedManifest.length) continue;
    if (isClosed(await readFile(path, 'utf8').catch(() => undefined))) closed.push(name);
  }
  return closed;
}

/** Puts `text` where nothing is, whole or not at all; what came meanwhile stays. */
export async function closeNew(path: string, text: string, owner: Owner | undefined): Promise<void> {
  const from = `${path}.closing`;
  await writeDurably(from, text, owner);
  await link(from, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await unlink(from);
}

/** Puts `text` in the place of what is there. */
export async function closeOld(path: string, text: string, owner: Owner | undefined): Promise<void> {
  await writeDurably(path, text, owner);
}
