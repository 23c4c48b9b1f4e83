import { mkdir, open } from 'node:fs/promises';
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

/**
 * Folders that were made durable by this process. A folder is made with its parents, and each parent is synced,
 * so that an object's own barrier only needs to sync the folder that it lies in.
 */
export class DurableFolders {
  readonly #root: string;
  readonly #known = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  async ensure(path: string): Promise<void> {
    if (this.#known.has(path)) return;
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') {
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

  /** After somebody removed a folder under us. */
  forget(): void {
    this.#known.clear();
  }
}
