/**
 * A repository's objects in a folder of another machine, over SFTP. The folder looks as one of the local storage: it may
 * be opened there as well. An object gets its name by the plain RENAME of the protocol, which fails where the name is
 * taken; that the server keeps to this is tried before the first one. Folders cannot be synced over SFTP: a name is as
 * durable as the journal of the server's filesystem, which puts it on the disk before any later file that is synced.
 */
import { randomBytes } from 'node:crypto';
import { basename, dirname } from 'node:path/posix';
import { causes } from '../../domain/causes.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { assertKey, assertPrefix, isImmutable, isPlain } from '../key.ts';
import type { FilesPut, FileToStore, ObjectInfo, OnStray, StagedObject, Storage } from '../storage.ts';
import { RemoteDigests } from './remote-digests.ts';
import { RemoteFolders } from './remote-folders.ts';
import { objectInfo, RemoteObjects, stagingFolder } from './remote-objects.ts';
import { tryRename } from './rename-trial.ts';
import { sendByRsync } from './rsync.ts';
import { SshSession, type SshSettings } from './session.ts';
import { codeOf, Sftp, status, type OpenFile } from './sftp.ts';
import { StagedUpload } from './upload.ts';

const commitsAtOnce = 8;
/** Then one of both ends has none. */
const rsyncTries = 2;

export function createSshStorage(settings: SshSettings): Storage {
  return new SshStorage(settings);
}

class SshStorage implements Storage {
  readonly description: string;
  readonly #sftp: Sftp;
  readonly #folders: RemoteFolders;
  readonly #objects: RemoteObjects;
  readonly #root: string;
  readonly #session: SshSession;
  readonly #digests: RemoteDigests;
  readonly #settings: SshSettings;
  /** How often it was tried in vain before it ever worked; undefined since it did. */
  #rsyncFailures: number | undefined = 0;
  #honest: Promise<void> | undefined;

  constructor(settings: SshSettings) {
    const { user, hostname, port, path } = settings;
    this.description = `ssh://${user}@${hostname}:${port}${path}`;
    this.#root = path.replace(/\/+$/, '');
    this.#settings = settings;
    this.#session = new SshSession(settings);
    this.#digests = new RemoteDigests(this.#session);
    this.#sftp = new Sftp(this.#session);
    this.#folders = new RemoteFolders(this.#sftp);
    this.#objects = new RemoteObjects(this.#folders, this.#root, async (act, key, run) => this.#attempt(act, key, run));
  }

  async stage(key: string): Promise<StagedObject> {
    assertKey(key);
    return this.#attempt('stage', key, async () => {
      await this.#folders.ensure(`${this.#root}/${stagingFolder}`);
      const path = `${this.#root}/${stagingFolder}/${randomBytes(12).toString('hex')}`;
      return this.#upload(key, path, 'wx');
    });
  }

  async commit(staged: readonly StagedObject[]): Promise<void> {
    await this.#commitAll(staged.map(uploadOf));
  }

  async putFiles(files: readonly FileToStore[], signal?: AbortSignal): Promise<FilesPut> {
    const none = { created: [], left: files.map(({ key }) => key), isReadBack: false };
    if ((this.#rsyncFailures ?? 0) >= rsyncTries) return none;
    const folder = `${this.#root}/${stagingFolder}/${randomBytes(12).toString('hex')}`;
    try {
      await this.#attempt('stage', '', async () => this.#folders.ensure(folder));
      const sent = await sendByRsync({
        settings: this.#settings,
        hostKey: await this.#session.hostKey(),
        files: files.map(({ file }) => file),
        folder,
        signal,
      });
      // Once it has worked, a failure is one of the moment.
      this.#rsyncFailures = sent || this.#rsyncFailures === undefined ? undefined : this.#rsyncFailures + 1;
      // A file has its last name there when it is whole.
      const names = new Set(
        (await this.#attempt('list', '', async () => this.#folders.readdir(folder))).map(({ filename }) => filename),
      );
      const pathOf = ({ file }: FileToStore): string => `${folder}/${basename(file)}`;
      const arrived = files.filter(({ file }) => names.has(basename(file)));
      let isReadBack = true;
      const whole = await inLanes(commitsAtOnce, arrived, async (file) => {
        const digest = await this.#digests.of(pathOf(file));
        if (digest === undefined) isReadBack = false;
        return (digest === undefined ? await file.isWhole() : digest === file.sha256) ? [file] : [];
      });
      const created = await this.#commitAll(whole.flat().map((file) => this.#upload(file.key, pathOf(file), 'r+')));
      const isNew = new Set(created);
      const left = files.map(({ key }) => key).filter((key) => !isNew.has(key));
      return { created, left, isReadBack };
    } finally {
      await this.#folders.removeFolder(folder).catch(() => undefined);
    }
  }

  /** Gives the keys that were not there. */
  async #commitAll(staged: readonly StagedUpload[]): Promise<string[]> {
    await this.#requireHonest();
    const created = await inLanes(commitsAtOnce, staged, async (upload) =>
      (await this.#commitOne(upload)) ? [upload.key] : [],
    );
    return created.flat();
  }

  #upload(key: string, path: string, mode: 'wx' | 'r+'): StagedUpload {
    return new StagedUpload(this.#sftp, key, path, mode, async (act, run) => this.#attempt(act, key, run));
  }

  async sha256(key: string): Promise<string | undefined> {
    assertKey(key);
    return this.#digests.of(this.#objects.pathOf(key));
  }

  /** False where the key is taken. */
  async #commitOne(upload: StagedUpload): Promise<boolean> {
    return this.#attempt('store', upload.key, async () => {
      let isNew = (await this.#objects.find(upload.key)) === undefined;
      if (isNew) {
        await upload.sync();
        isNew = await this.#name(upload.path, this.#objects.pathOf(upload.key));
      }
      await upload.discard();
      return isNew;
    });
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    await this.#requireHonest();
    const staged = uploadOf(await this.stage(key));
    try {
      return await this.#attempt('store', key, async () => {
        if ((await this.#objects.find(key)) !== undefined) return 'exists';
        await staged.append(bytes);
        await staged.sync();
        return (await this.#name(staged.path, this.#objects.pathOf(key))) ? 'created' : 'exists';
      });
    } finally {
      await staged.discard();
    }
  }

  async replaceIf(key: string, expected: string, bytes: Uint8Array): Promise<string | undefined> {
    await this.#requireHonest();
    const staged = uploadOf(await this.stage(key));
    try {
      return await this.#attempt('replace', key, async () => {
        const current = await this.#objects.find(key);
        if (current?.version !== expected) return undefined;
        await staged.append(bytes);
        await staged.sync();
        // Versions of a plain object are not read: they are the way by which its file is exchanged.
        const last = isPlain(key) ? ((await this.#objects.numbersOf(key)).at(-1) ?? 0) : current.number;
        const number = last + 1;
        const folder = this.#objects.versionsOf(key);
        if (!(await this.#name(staged.path, `${folder}/${number}`))) return undefined;
        const numbers = await this.#objects.numbersOf(key);
        if (numbers.at(-1) !== number) {
          await this.#folders.unlink(`${folder}/${number}`);
          return undefined;
        }
        for (const old of numbers.slice(0, -1)) await this.#folders.unlink(`${folder}/${old}`);
        await this.#refresh(key, bytes);
        return (await this.#objects.find(key))?.version;
      });
    } finally {
      await staged.discard();
    }
  }

  async read(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    assertKey(key);
    return this.#withNewest(key, async (file, size) => {
      const bytes = Buffer.allocUnsafeSlow(range?.length ?? size);
      await this.#fill(file, key, bytes, range?.offset ?? 0);
      return bytes;
    });
  }

  async readInto(key: string, offset: number, into: Uint8Array): Promise<void> {
    assertKey(key);
    await this.#withNewest(key, async (file) => {
      // Memory that is shared with threads cannot be given to the connection.
      const bytes = Buffer.allocUnsafe(into.length);
      await this.#fill(file, key, bytes, offset);
      into.set(bytes);
    });
  }

  async stat(key: string): Promise<ObjectInfo | undefined> {
    assertKey(key);
    return this.#attempt('look up', key, async () => {
      const found = await this.#objects.find(key);
      return found === undefined ? undefined : objectInfo(found);
    });
  }

  async *list(prefix: string, onStray?: OnStray): AsyncIterable<ObjectInfo> {
    assertPrefix(prefix);
    yield* this.#objects.list(prefix, onStray);
  }

  async remove(key: string): Promise<void> {
    assertKey(key);
    await this.#attempt('remove', key, async () => {
      await this.#folders.unlink(this.#objects.pathOf(key));
      if (isImmutable(key)) return;
      const folder = this.#objects.versionsOf(key);
      // Ascending: until the last is gone the object exists with its newest bytes.
      const numbers = await this.#objects.numbersOf(key);
      for (const number of numbers) await this.#folders.unlink(`${folder}/${number}`);
      if (numbers.length > 0) await this.#sftp.rmdir(folder);
      this.#folders.forget(folder);
    });
  }

  async sweepStaged(olderThanMs: number): Promise<number> {
    const limit = (await this.now()).getTime() - olderThanMs;
    return this.#attempt('sweep', stagingFolder, async () => {
      let swept = 0;
      for (const { filename, attrs } of await this.#folders.readdir(`${this.#root}/${stagingFolder}`)) {
        if (attrs.mtime * 1000 > limit) continue;
        const path = `${this.#root}/${stagingFolder}/${filename}`;
        await (attrs.isDirectory() ? this.#folders.removeFolder(path) : this.#folders.unlink(path));
        swept += 1;
      }
      return swept;
    });
  }

  async now(): Promise<Date> {
    return this.#attempt('ask the time of', '', async () => {
      await this.#folders.ensure(`${this.#root}/${stagingFolder}`);
      const path = `${this.#root}/${stagingFolder}/${randomBytes(12).toString('hex')}`;
      const file = await this.#sftp.open(path, 'wx');
      try {
        return new Date((await this.#sftp.fstat(file)).mtime * 1000);
      } finally {
        await this.#sftp.close(file);
        await this.#folders.unlink(path);
      }
    });
  }

  async space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | undefined> {
    return this.#attempt('ask the room of', '', async () => {
      await this.#folders.ensure(this.#root);
      try {
        const { f_frsize: unit, f_bavail: free, f_blocks: all } = await this.#sftp.statvfs(this.#root);
        return { freeBytes: unit * free, totalBytes: unit * all };
      } catch (error) {
        // An extension of OpenSSH: others need not know it.
        if (error instanceof LifeboatError) throw error;
        return undefined;
      }
    });
  }

  /** False where the name is taken. */
  async #name(from: string, to: string): Promise<boolean> {
    await this.#folders.ensure(dirname(to));
    try {
      await this.#sftp.rename(from, to);
      return true;
    } catch (error) {
      if (codeOf(error) === status.failure && (await this.#folders.stat(to))?.isFile() === true) return false;
      // The folder went with an object that was removed by somebody else.
      if (codeOf(error) !== status.noSuchFile) throw error;
      this.#folders.forget();
      await this.#folders.ensure(dirname(to));
      await this.#sftp.rename(from, to);
      return true;
    }
  }

  /** The plain file beside the versions, for people. */
  async #refresh(key: string, bytes: Uint8Array): Promise<void> {
    const copy = uploadOf(await this.stage(key));
    await copy.append(bytes);
    await copy.finish();
    await this.#sftp.replace(copy.path, this.#objects.pathOf(key));
  }

  async #requireHonest(): Promise<void> {
    this.#honest ??= this.#attempt('try', '', async () => {
      const folder = `${this.#root}/${stagingFolder}`;
      await this.#folders.ensure(folder);
      await tryRename(this.#sftp, this.#folders, folder, this.description);
    });
    this.#honest.catch(() => (this.#honest = undefined));
    return this.#honest;
  }

  async #withNewest<T>(key: string, use: (file: OpenFile, size: number) => Promise<T>): Promise<T> {
    return this.#attempt('read', key, async () => {
      for (;;) {
        const found = await this.#objects.find(key);
        if (found === undefined)
          throw new LifeboatError('ObjectMissing', `object ${key} is gone from ${this.description}`);
        let file: OpenFile;
        try {
          file = await this.#sftp.open(found.path, 'r');
        } catch (error) {
          // Replaced between the look and the opening.
          if (codeOf(error) === status.noSuchFile) continue;
          throw error;
        }
        try {
          return await use(file, (await this.#sftp.fstat(file)).size);
        } finally {
          await this.#sftp.close(file);
        }
      }
    });
  }

  async #fill(file: OpenFile, key: string, into: Buffer, offset: number): Promise<void> {
    const read = await this.#sftp.read(file, into, offset);
    if (read < into.length)
      throw new LifeboatError(
        'ObjectCorrupt',
        `object ${key} ends after ${offset + read} bytes, ${offset + into.length} were expected`,
      );
  }

  async #attempt<T>(act: string, key: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof LifeboatError) throw error;
      // A folder that vanished must not be believed to exist at the next try.
      this.#folders.forget();
      const what = `cannot ${act} ${[key, this.description].filter((word) => word !== '').join(' in ')}`;
      const reason = error instanceof Error ? error.message : String(error);
      if (codeOf(error) === status.permissionDenied)
        throw new LifeboatError('PermissionDenied', `${what}: ${reason}`, {
          hint: causes.foreignFolder.hint,
          cause: error,
        });
      if (codeOf(error) === status.failure && (await this.#isFull()))
        throw new LifeboatError('NoSpace', `${what}: its disk is full`, { cause: error });
      throw new LifeboatError('StorageFailed', `${what}: ${reason}`, {
        // The protocol has one word for all failures.
        ...(codeOf(error) === status.failure ? { hint: causes.inTheWay.hint } : {}),
        cause: error,
      });
    }
  }

  async #isFull(): Promise<boolean> {
    return this.#sftp.statvfs(this.#root).then(
      ({ f_bavail: free, f_frsize: unit }) => free * unit < 1_000_000,
      () => false,
    );
  }
}

function uploadOf(staged: StagedObject): StagedUpload {
  if (staged instanceof StagedUpload) return staged;
  throw new LifeboatError('Internal', `object ${staged.key} was staged by another storage`);
}
