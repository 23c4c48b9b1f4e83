/** An object on its way: a file under a temporary name on the server. */
import type { StagedObject } from '../storage.ts';
import type { OpenFile, Sftp } from './sftp.ts';

/** Runs a call and says what failed in this house's words. */
export type Attempt = <T>(act: string, run: () => Promise<T>) => Promise<T>;

export class StagedUpload implements StagedObject {
  readonly key: string;
  readonly path: string;
  readonly #sftp: Sftp;
  readonly #mode: 'wx' | 'r+';
  readonly #attempt: Attempt;
  #file: Promise<OpenFile> | undefined;
  #size = 0;
  #gone = false;

  /** `r+`: the file was brought there by other means. */
  constructor(sftp: Sftp, key: string, path: string, mode: 'wx' | 'r+', attempt: Attempt) {
    this.#sftp = sftp;
    this.key = key;
    this.path = path;
    this.#mode = mode;
    this.#attempt = attempt;
  }

  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    // The caller may use its memory again when this has resolved; shared memory cannot be sent as it is.
    const own = Buffer.from(bytes);
    const position = this.#size;
    this.#size += own.length;
    await this.#attempt('write', async () => {
      this.#file ??= this.#sftp.open(this.path, this.#mode);
      await this.#sftp.write(await this.#file, own, position);
    });
  }

  /** On stable storage under its temporary name. */
  async sync(): Promise<void> {
    this.#file ??= this.#sftp.open(this.path, this.#mode);
    await this.#sftp.fsync(await this.#file);
    await this.finish();
  }

  async finish(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await this.#sftp.close(await file);
  }

  async discard(): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    await this.finish().catch(() => undefined);
    await this.#sftp.unlink(this.path).catch(() => undefined);
  }
}
