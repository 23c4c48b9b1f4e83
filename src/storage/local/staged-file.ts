import { randomBytes } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import type { StagedObject } from '../storage.ts';
import { errnoOf } from '../errno.ts';
import { writeDirectly } from './direct-io.ts';
import { diskError } from './errors.ts';
import type { Owner } from './folders.ts';

export const stagingFolder = '.staging';

/** A file under a random name in `.staging`, on the same file system as the final name. */
export class StagedFile implements StagedObject {
  readonly key: string;
  readonly path: string;
  size = 0;
  #handle: FileHandle | undefined;

  private constructor(key: string, path: string, handle: FileHandle) {
    this.key = key;
    this.path = path;
    this.#handle = handle;
  }

  static async create(root: string, key: string, owner: Owner | undefined): Promise<StagedFile> {
    const path = join(root, stagingFolder, randomBytes(12).toString('hex'));
    const handle = await open(path, 'wx', 0o600);
    const staged = new StagedFile(key, path, handle);
    try {
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
    } catch (error) {
      await staged.discard();
      throw error;
    }
    return staged;
  }

  async append(bytes: Uint8Array): Promise<void> {
    const handle = this.#opened();
    try {
      let done = await writeDirectly(this.path, bytes, this.size);
      this.size += done;
      while (done < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, this.size);
        done += bytesWritten;
        this.size += bytesWritten;
      }
    } catch (error) {
      throw diskError(error, 'write', this.path);
    }
  }

  /** Bytes are on stable storage afterwards, the name not yet. */
  async sync(): Promise<void> {
    await this.#opened().datasync();
  }

  async discard(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    await handle.close();
    try {
      await unlink(this.path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw diskError(error, 'remove', this.path);
    }
  }

  #opened(): FileHandle {
    if (this.#handle === undefined)
      throw new LifeboatError('Internal', `staged object ${this.key} was already committed or discarded`);
    return this.#handle;
  }
}
