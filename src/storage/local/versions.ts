/**
 * Conditional replace on a file system that has no compare-and-swap.
 *
 * The first version of an object is the plain file `<key>`. Each later version n is created by link(2), which has
 * one winner, as `.versions/<key>/<n>`; the highest number is the object. The plain file is refreshed afterwards so
 * that people and restore.sh see the newest bytes, but nothing relies on it. Old versions go when a newer one stands;
 * the highest never goes, so a late writer that links a low number finds the higher one and withdraws.
 */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../errno.ts';
import { isPlain, isVersion } from '../key.ts';

export const versionsFolder = '.versions';

export interface ObjectFile {
  readonly path: string;
  /** 0 is the plain file. */
  readonly number: number;
  readonly size: number;
  readonly modifiedAt: Date;
  readonly version: string;
}

/** The file that holds the newest version, or undefined. `isAlone`: it is known that there is no other. */
export async function newestFile(root: string, key: string, isAlone = isPlain(key)): Promise<ObjectFile | undefined> {
  // A version may be superseded and removed between the look and the stat: then look again.
  for (;;) {
    const number = isAlone ? 0 : ((await versionNumbers(root, key)).at(-1) ?? 0);
    const path = number === 0 ? join(root, key) : join(root, versionsFolder, key, String(number));
    try {
      const facts = await stat(path, { bigint: true });
      if (!facts.isFile()) return undefined;
      return {
        path,
        number,
        size: Number(facts.size),
        modifiedAt: facts.mtime,
        version: `${number}-${facts.ino}-${facts.mtimeNs}`,
      };
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw error;
      if (number === 0) return undefined;
    }
  }
}

/** Names in a folder of objects of which some may have been replaced. */
export async function replacedIn(root: string, prefix: string): Promise<ReadonlySet<string>> {
  return new Set(isPlain(prefix) ? [] : await namesIn(join(root, versionsFolder, prefix)));
}

/** Folders of versions under keys that have none. */
export async function strayVersions(root: string): Promise<string[]> {
  const folders = (await namesIn(join(root, versionsFolder))).filter((name) => isPlain(`${name}/`));
  return folders.map((name) => `${versionsFolder}/${name}/`);
}

/** Numbers of the replaced versions, ascending; empty for an object that was never replaced. */
export async function versionNumbers(root: string, key: string): Promise<number[]> {
  const entries = await entriesIn(join(root, versionsFolder, key));
  return entries
    .filter((entry) => entry.isFile() && isVersion(entry.name))
    .map(({ name }) => Number(name))
    .sort((a, b) => a - b);
}

async function namesIn(folder: string): Promise<string[]> {
  return (await entriesIn(folder)).map(({ name }) => name);
}

/** Empty where there is no such folder. */
async function entriesIn(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return [];
    throw error;
  }
}
