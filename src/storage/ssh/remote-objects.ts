/**
 * Which file on the server holds an object's newest bytes. An object that was replaced has its versions in a folder of
 * its own, numbered; the plain file beside them is a copy for people.
 */
import type { FileEntryWithStats } from 'ssh2';
import { isLifeboatError } from '../../domain/errors.ts';
import { isKey, isPlain, isVersion } from '../key.ts';
import type { ObjectInfo, OnStray } from '../storage.ts';
import { inFolders, Readings } from './read-ahead.ts';
import type { RemoteFolders } from './remote-folders.ts';

const versionsFolder = '.versions';
export const stagingFolder = '.staging';
/** At the root. */
const ownFolders: readonly string[] = [stagingFolder, versionsFolder];

export interface RemoteObject extends ObjectInfo {
  readonly path: string;
  /** 0 is the plain file. */
  readonly number: number;
}

/** Runs a call on an object and says what failed in this house's words. */
type Attempt = <T>(act: string, key: string, run: () => Promise<T>) => Promise<T>;

export class RemoteObjects {
  readonly #folders: RemoteFolders;
  readonly #root: string;
  readonly #attempt: Attempt;
  readonly #readings = new Readings();

  constructor(folders: RemoteFolders, root: string, attempt: Attempt) {
    this.#folders = folders;
    this.#root = root;
    this.#attempt = attempt;
  }

  pathOf(key: string): string {
    return `${this.#root}/${key}`;
  }

  /** Folder with the versions of a key, or of all below a prefix. */
  versionsOf(key: string): string {
    return `${this.#root}/${versionsFolder}/${key}`;
  }

  async find(key: string): Promise<RemoteObject | undefined> {
    for (;;) {
      const number = isPlain(key) ? 0 : ((await this.numbersOf(key)).at(-1) ?? 0);
      const path = number === 0 ? this.pathOf(key) : `${this.versionsOf(key)}/${number}`;
      const facts = await this.#folders.stat(path);
      if (facts?.isFile() === true) return { path, number, ...infoOf(key, number, facts) };
      // A version may be superseded and removed between the look and the stat: then look again.
      if (number === 0) return undefined;
    }
  }

  /** Ascending. */
  async numbersOf(key: string): Promise<number[]> {
    const entries = await this.#folders.readdir(this.versionsOf(key));
    return entries
      .filter(({ filename, attrs }) => isVersion(filename) && attrs.isFile())
      .map(({ filename }) => Number(filename))
      .sort((a, b) => a - b);
  }

  /** In the order of the keys. */
  async *list(prefix: string, onStray?: OnStray): AsyncIterable<ObjectInfo> {
    const named = (await this.#entriesOrStray(prefix, onStray))
      .filter(({ filename }) => prefix !== '' || !ownFolders.includes(filename))
      .map(({ filename, attrs }) => ({
        name: attrs.isDirectory() ? `${filename}/` : filename,
        isObject: isKey(prefix + filename),
        attrs,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const replaced = named.length === 0 ? new Set<string>() : await this.#replacedIn(prefix);
    const folders = named.flatMap(({ name, isObject, attrs }) =>
      isObject && attrs.isDirectory() ? [prefix + name] : [],
    );
    const listed = inFolders(folders, (folder) => this.list(folder, onStray));
    for (const { name, isObject, attrs } of named) {
      const key = prefix + name;
      if (isObject && attrs.isDirectory()) yield* (await listed.next()).value ?? [];
      else if (!isObject || !attrs.isFile()) {
        // Somebody may have put `packs` on another disk.
        if (prefix !== '' || !attrs.isSymbolicLink()) onStray?.({ path: key, problem: '' });
      } else if (replaced.has(name) && !isPlain(key)) {
        const found = await this.#attempt('look up', key, async () => this.find(key));
        // Undefined: removed while we list.
        if (found !== undefined) yield objectInfo(found);
      } else yield infoOf(key, 0, attrs);
    }
  }

  /** None, and told, where nobody may look and `onStray` wants to know. */
  async #entriesOrStray(prefix: string, onStray: OnStray | undefined): Promise<FileEntryWithStats[]> {
    try {
      return await this.#entriesIn(prefix, this.pathOf(prefix));
    } catch (error) {
      if (onStray === undefined || !isLifeboatError(error, 'PermissionDenied')) throw error;
      onStray({ path: prefix, problem: error.message });
      return [];
    }
  }

  /** Names in a folder that may have versions. */
  async #replacedIn(prefix: string): Promise<ReadonlySet<string>> {
    if (isPlain(prefix)) return new Set();
    return new Set((await this.#entriesIn(prefix, this.versionsOf(prefix))).map(({ filename }) => filename));
  }

  async #entriesIn(prefix: string, path: string): Promise<FileEntryWithStats[]> {
    return this.#readings.run(async () => this.#attempt('list', prefix, async () => this.#folders.readdir(path)));
  }
}

/** Without what only this storage knows. */
export function objectInfo({ key, size, modifiedAt, version }: RemoteObject): ObjectInfo {
  return { key, size, modifiedAt, version };
}

function infoOf(key: string, number: number, { size, mtime }: { size: number; mtime: number }): ObjectInfo {
  return { key, size, modifiedAt: new Date(mtime * 1000), version: `${number}-${size}-${mtime}` };
}
