/** Folders and files of the server by path, whether they are there or not. */
import { dirname } from 'node:path/posix';
import { codeOf, status, type Sftp } from './sftp.ts';

export class RemoteFolders {
  readonly #sftp: Sftp;
  readonly #made = new Set<string>();

  constructor(sftp: Sftp) {
    this.#sftp = sftp;
  }

  /** Creates the folders of a path that are not there; what was made once is believed until `forget`. */
  async ensure(folder: string): Promise<void> {
    if (folder === '' || folder === '/' || this.#made.has(folder)) return;
    if ((await this.stat(folder)) === undefined) {
      await this.ensure(dirname(folder));
      await this.#sftp.mkdir(folder).catch(async (error: unknown) => {
        // Another writer was faster.
        if ((await this.stat(folder)) === undefined) throw error;
      });
    }
    this.#made.add(folder);
  }

  forget(folder?: string): void {
    if (folder === undefined) this.#made.clear();
    else this.#made.delete(folder);
  }

  /** Empty where there is none. */
  async readdir(path: string) {
    try {
      return await this.#sftp.readdir(path.replace(/\/$/, ''));
    } catch (error) {
      if (codeOf(error) === status.noSuchFile) return [];
      throw error;
    }
  }

  async stat(path: string) {
    try {
      return await this.#sftp.stat(path);
    } catch (error) {
      if (codeOf(error) === status.noSuchFile) return undefined;
      throw error;
    }
  }

  /** Absent is fine. */
  async unlink(path: string): Promise<void> {
    await this.#sftp.unlink(path).catch(unlessGone);
  }

  /** A folder and the files in it. Absent is fine. */
  async removeFolder(path: string): Promise<void> {
    for (const { filename } of await this.readdir(path)) await this.unlink(`${path}/${filename}`);
    await this.#sftp.rmdir(path).catch(unlessGone);
    this.forget(path);
  }
}

function unlessGone(error: unknown): void {
  if (codeOf(error) !== status.noSuchFile) throw error;
}
