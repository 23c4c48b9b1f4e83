import { chown, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '../errno.ts';

/** Makes a name in a folder survive a power cut. */
export async function fsyncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Folders that were made durable by this process. A folder is made with its parents, and each parent is synced,
 * so that an object's own barrier only needs to sync the folder that it lies in.
 */
export class DurableFolders {
  readonly #root: string;
  readonly #known = new Set<string>();
  #owner: Promise<Owner | undefined> | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  async ensure(path: string): Promise<void> {
    if (this.#known.has(path)) return;
    try {
      await mkdir(path, { mode: 0o700 });
      const owner = path === this.#root ? undefined : await this.owner();
      if (owner !== undefined) await chown(path, owner.uid, owner.gid);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') {
        // Also where it was there a moment ago: somebody removed it under us.
        this.#known.delete(dirname(path));
        await this.ensure(dirname(path));
        return this.ensure(path);
      }
      if (errno !== 'EEXIST') throw error;
      // The root's parent is not ours and perhaps not readable.
      if (path === this.#root) return;
    }
    // Also where it existed: another process may have made it and not synced yet.
    await fsyncFolder(dirname(path));
    this.#known.add(path);
  }

  /**
   * Whom root gives what it makes here: the owner of the repository's folder. A command that somebody runs as root once
   * must not lock out the worker, which is not root. Undefined where files keep the owner that they are made with.
   */
  async owner(): Promise<Owner | undefined> {
    if (process.getuid?.() !== 0) return undefined;
    this.#owner ??= stat(this.#root).then(({ uid, gid }) => (uid === 0 ? undefined : { uid, gid }));
    return this.#owner;
  }

  /** After somebody removed a folder under us. */
  forget(): void {
    this.#known.clear();
    this.#owner = undefined;
  }
}
