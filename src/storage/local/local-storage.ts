/** A repository's objects as files below one folder of a local disk. */
import type { Dirent } from 'node:fs';
import { link, lstat, open, readdir, rename, rmdir, stat, statfs, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { assertKey, assertPrefix, isKey, isPlain } from '../key.ts';
import type { ObjectInfo, OnStray, StagedObject, Storage } from '../storage.ts';
import { errnoOf } from '../errno.ts';
import { readDirectly } from './direct-io.ts';
import { diskError, noFileError } from './errors.ts';
import { DurableFolders, fsyncFolder } from './folders.ts';
import { StagedFile, stagingFolder } from './staged-file.ts';
import { newestFile, replacedIn, strayVersions, versionNumbers, versionsFolder } from './versions.ts';

/** How many files of one folder are looked at at once. */
const looksAtOnce = 64;

/** Nothing is read or made before the first call. Files are 0600 in folders of 0700. */
export function createLocalStorage(root: string): Storage {
  return new LocalStorage(resolve(root));
}

class LocalStorage implements Storage {
  readonly description: string;
  readonly #root: string;
  readonly #folders: DurableFolders;

  constructor(root: string) {
    this.#root = root;
    this.#folders = new DurableFolders(root);
    this.description = `local:${root}`;
  }

  async stage(key: string): Promise<StagedFile> {
    assertKey(key);
    return this.#attempt('stage', key, async () => {
      await this.#folders.ensure(join(this.#root, stagingFolder));
      return StagedFile.create(this.#root, key, await this.#folders.owner());
    });
  }

  async commit(staged: readonly StagedObject[]): Promise<void> {
    const files = staged.map((object) => {
      if (object instanceof StagedFile) return object;
      throw new LifeboatError('Internal', `staged object ${object.key} is of another storage`);
    });
    await this.#attempt('commit', `${files.length} objects in`, async () => {
      await Promise.all(files.map((file) => file.sync()));
      const folders = new Set(files.map((file) => dirname(join(this.#root, file.key))));
      await Promise.all([...folders].map((folder) => this.#folders.ensure(folder)));
      // Also where the name exists: whoever linked it may not have passed its own barrier.
      for (const file of files) await this.#link(file.path, file.key);
      await Promise.all([...folders].map(fsyncFolder));
      for (const file of files) await file.discard();
    });
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    const staged = await this.stage(key);
    try {
      await staged.append(bytes);
      return await this.#attempt('create', key, async () => {
        if (!isPlain(key) && (await versionNumbers(this.#root, key)).length > 0) return 'exists';
        await staged.sync();
        const folder = dirname(join(this.#root, key));
        await this.#folders.ensure(folder);
        const created = await this.#link(staged.path, key);
        await fsyncFolder(folder);
        return created ? 'created' : 'exists';
      });
    } finally {
      await staged.discard();
    }
  }

  async replaceIf(key: string, expected: string, bytes: Uint8Array): Promise<string | undefined> {
    const staged = await this.stage(key);
    try {
      await staged.append(bytes);
      return await this.#attempt('replace', key, async () => {
        const current = await newestFile(this.#root, key);
        if (current === undefined || current.version !== expected) return undefined;
        await staged.sync();
        // Versions of a plain object are not read: they are the way by which its file is exchanged.
        const last = isPlain(key) ? ((await versionNumbers(this.#root, key)).at(-1) ?? 0) : current.number;
        return (await this.#linkVersion(staged.path, key, last + 1))
          ? (await newestFile(this.#root, key))?.version
          : undefined;
      });
    } finally {
      await staged.discard();
    }
  }

  async read(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#withNewest(key, async ({ path, size }) => {
      // Its own buffer, unzeroed: it may be transferred to a thread.
      const bytes = Buffer.allocUnsafeSlow(range?.length ?? size);
      await readFully(path, key, bytes, { offset: range?.offset ?? 0, done: 0 });
      return bytes;
    });
  }

  async readInto(key: string, offset: number, into: Uint8Array): Promise<void> {
    await this.#withNewest(key, async ({ path }) => {
      const done = await readDirectly(path, into, offset);
      if (done < into.length) await readFully(path, key, into, { offset, done });
    });
  }

  async stat(key: string): Promise<ObjectInfo | undefined> {
    assertKey(key);
    return this.#look(key);
  }

  async *list(prefix: string, onStray?: OnStray): AsyncIterable<ObjectInfo> {
    assertPrefix(prefix);
    yield* this.#walk(prefix, onStray);
    if (prefix !== '' || onStray === undefined) return;
    const versions = await this.#attempt('list', versionsFolder, () => strayVersions(this.#root));
    for (const path of versions) onStray({ path, problem: '' });
  }

  fileOf(key: string): string {
    assertKey(key);
    return join(this.#root, key);
  }

  async remove(key: string): Promise<void> {
    assertKey(key);
    await this.#attempt('remove', key, async () => {
      const path = join(this.#root, key);
      await unlinkIfThere(path);
      const numbers = await versionNumbers(this.#root, key);
      const folder = join(this.#root, versionsFolder, key);
      // Ascending: until the last is gone the object exists with its newest bytes.
      for (const number of numbers) await unlinkIfThere(join(folder, String(number)));
      if (numbers.length > 0) await rmdir(folder);
    });
  }

  async sweepStaged(olderThanMs: number): Promise<number> {
    const limit = (await this.now()).getTime() - olderThanMs;
    return this.#attempt('sweep', stagingFolder, async () => {
      const folder = join(this.#root, stagingFolder);
      let swept = 0;
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        const facts = await stat(path).catch(() => undefined);
        if (facts === undefined || facts.mtimeMs > limit) continue;
        await unlinkIfThere(path);
        swept += 1;
      }
      return swept;
    });
  }

  async now(): Promise<Date> {
    const probe = await this.stage('probe');
    try {
      // A byte, because a network file system may set the time of an empty file from the client's clock.
      await probe.append(Uint8Array.of(0));
      return await this.#attempt('read the clock of', probe.path, async () => (await stat(probe.path)).mtime);
    } finally {
      await probe.discard();
    }
  }

  async space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    return this.#attempt('measure', '', async () => {
      const facts = await statfs(await nearestFolder(this.#root));
      return { freeBytes: facts.bavail * facts.bsize, totalBytes: facts.blocks * facts.bsize };
    });
  }

  /** Reads the newest version of an object. ObjectMissing if there is none. */
  async #withNewest<T>(key: string, run: (file: { path: string; size: number }) => Promise<T>): Promise<T> {
    assertKey(key);
    return this.#attempt('read', key, async () => {
      for (;;) {
        const file = await newestFile(this.#root, key);
        if (file === undefined) throw new LifeboatError('ObjectMissing', `object ${key} is not in ${this.description}`);
        try {
          return await run(file);
        } catch (error) {
          // Superseded between the look and the open.
          if (errnoOf(error) !== 'ENOENT') throw error;
        }
      }
    });
  }

  /** False if the key exists already. link(2), because rename would overwrite. */
  async #link(from: string, key: string, isAgain = false): Promise<boolean> {
    const path = join(this.#root, key);
    try {
      await link(from, path);
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if ((await newestFile(this.#root, key)) !== undefined) return false;
      // Removed since, or a folder or the like, which no later try gets past.
      if (isAgain) throw noFileError(key, path, this.description);
      return this.#link(from, key, true);
    }
  }

  async #linkVersion(from: string, key: string, number: number, isAgain = false): Promise<boolean> {
    const folder = join(this.#root, versionsFolder, key);
    const path = join(folder, String(number));
    await this.#folders.ensure(folder);
    try {
      await link(from, path);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      // The folder went with an object that was removed, maybe by another process, and came anew.
      if (errnoOf(error) !== 'ENOENT' || isAgain) throw error;
      this.#folders.forget();
      return this.#linkVersion(from, key, number, true);
    }
    const numbers = await versionNumbers(this.#root, key);
    if (numbers.at(-1) !== number) {
      await unlinkIfThere(path);
      return false;
    }
    await fsyncFolder(folder);
    for (const old of numbers.slice(0, -1)) await unlinkIfThere(join(folder, String(old)));
    const copy = `${from}.copy`;
    await link(path, copy);
    await rename(copy, join(this.#root, key));
    return true;
  }

  async #look(key: string, isAlone?: boolean): Promise<ObjectInfo | undefined> {
    return this.#attempt('look up', key, async () => {
      const file = await newestFile(this.#root, key, isAlone);
      return file === undefined
        ? undefined
        : { key, size: file.size, modifiedAt: file.modifiedAt, version: file.version };
    });
  }

  async *#walk(prefix: string, onStray: OnStray | undefined): AsyncIterable<ObjectInfo> {
    const entries = await this.#entriesIn(prefix, onStray);
    const named = entries
      .filter((entry) => prefix !== '' || !ownFolders.includes(entry.name))
      .map((entry) => ({
        name: entry.isDirectory() ? `${entry.name}/` : entry.name,
        isObject: isKey(prefix + entry.name),
        entry,
      }));
    named.sort((a, b) => (a.name < b.name ? -1 : 1));
    const replaced = named.length === 0 ? new Set() : await this.#replacedIn(prefix);
    for (let at = 0; at < named.length; at += looksAtOnce) {
      const some = named.slice(at, at + looksAtOnce).map(({ name, isObject, entry }) => {
        const key = prefix + name;
        const isFile = isObject && entry.isFile();
        const info = isFile ? this.#look(key, isPlain(key) || !replaced.has(name)) : undefined;
        return { key, isFile, isFolder: isObject && entry.isDirectory(), entry, info };
      });
      const infos = await Promise.all(some.map(async ({ info }) => info));
      for (const [number, { key, isFile, isFolder, entry }] of some.entries()) {
        const info = infos[number];
        // Undefined for a file: removed while we list.
        if (info !== undefined) yield info;
        else if (isFolder) yield* this.#walk(key, onStray);
        else if (!isFile && !isLinkedFolder(prefix, entry)) onStray?.({ path: key, problem: '' });
      }
    }
  }

  /** Empty, and told, where nobody may look and `onStray` wants to know. */
  async #entriesIn(prefix: string, onStray: OnStray | undefined): Promise<Dirent[]> {
    try {
      return await this.#attempt('list', prefix, () => readFolder(join(this.#root, prefix)));
    } catch (error) {
      if (onStray === undefined || !isLifeboatError(error, 'PermissionDenied')) throw error;
      onStray({ path: prefix, problem: error.message });
      return [];
    }
  }

  async #replacedIn(prefix: string): Promise<ReadonlySet<string>> {
    return this.#attempt('list', `${versionsFolder}/${prefix}`, () => replacedIn(this.#root, prefix));
  }

  async #attempt<T>(act: string, key: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      // A folder that vanished under us must not be believed to exist at the next try.
      this.#folders.forget();
      throw diskError(error, act, `${key} in ${this.description}`.trim());
    }
  }
}

/** Reads on from where `done` bytes of `into` are filled. */
async function readFully(
  path: string,
  key: string,
  into: Uint8Array,
  from: { readonly offset: number; readonly done: number },
): Promise<void> {
  const handle = await open(path, 'r');
  try {
    for (let { done } = from; done < into.length;) {
      const { bytesRead } = await handle.read(into, done, into.length - done, from.offset + done);
      if (bytesRead === 0) {
        throw new LifeboatError(
          'ObjectCorrupt',
          `object ${key} ends at byte ${from.offset + done}, ${into.length} bytes from ${from.offset} were asked`,
        );
      }
      done += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** At the root. */
const ownFolders: readonly string[] = [stagingFolder, versionsFolder];

/** Somebody may have put `packs` on another disk. */
function isLinkedFolder(prefix: string, entry: Dirent): boolean {
  return prefix === '' && entry.isSymbolicLink();
}

async function readFolder(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw error;
    // Without its disk a folder that is a link would look empty, and all that it holds removed.
    if (errno === 'ENOENT' && (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true)
      throw new LifeboatError('StorageFailed', `${path} is a link to a folder that is not there`, {
        hint: 'mount the disk that it leads to',
      });
    return [];
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** The folder itself or, before the first write, the nearest one above it. */
async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const facts = await stat(folder).catch(() => undefined);
    if (facts !== undefined || folder === dirname(folder)) return folder;
  }
}
