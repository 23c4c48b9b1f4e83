/** Where entries go on disk, and that nothing is ever written through a link or outside the folder. */
import { lstat, mkdir } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { reservedFolder } from '../../domain/entry.ts';
import type { IndexEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { errnoOf } from '../../storage/errno.ts';
import { assertSafePath, foldersAbove, pathBytes, pathKey } from '../entry-path.ts';
import { restoreError } from '../threads/restore-job.ts';

export type Place = (entry: IndexEntry) => string | undefined;

/** Everything but the driver's own files, each at its own path. */
export function placeAll(entry: IndexEntry): string | undefined {
  return entry.path === reservedFolder || entry.path.startsWith(`${reservedFolder}/`) ? undefined : entry.path;
}

export interface Destination {
  /** Absolute, as bytes. */
  readonly path: Buffer;
  /** Below `into`: the part after it. Undefined for a place that the caller gave as an absolute path. */
  readonly relative: Buffer | undefined;
}

export class Destinations {
  readonly #into: Buffer;
  readonly #place: Place;
  readonly #made = new Set<string>();

  constructor(into: string, place: Place) {
    this.#into = Buffer.from(resolve(into));
    this.#place = place;
  }

  /** Undefined where the entry is left out. ManifestInvalid for a path that leaves the folder. */
  of(entry: IndexEntry): Destination | undefined {
    const own = pathBytes(entry);
    const placed = this.#place(entry);
    if (placed === undefined) return undefined;
    if (isAbsolute(placed)) return { path: Buffer.from(resolve(placed)), relative: undefined };
    // A name that is not UTF-8 keeps its bytes unless the caller moves it.
    const relative = placed === entry.path ? own : Buffer.from(placed);
    assertSafePath(relative);
    return { path: Buffer.concat([this.#into, Buffer.from('/'), relative]), relative };
  }

  /** Every folder that was made or found below `into`. */
  folders(): Buffer[] {
    return [...this.#made].map((key) => Buffer.from(key, 'latin1'));
  }

  async makeInto(): Promise<void> {
    await mkdir(this.#into, { recursive: true, mode: 0o700 });
  }

  /** Makes the folders above, 0700, one by one: what exists must be a real folder. */
  async makeFoldersAbove({ path, relative }: Destination): Promise<void> {
    if (relative === undefined) {
      await mkdir(path.subarray(0, path.lastIndexOf(0x2f)), { recursive: true, mode: 0o700 });
      return;
    }
    for (const folder of foldersAbove(relative))
      await this.#makeFolder(Buffer.concat([this.#into, Buffer.from('/'), folder]));
  }

  async makeFolder(destination: Destination): Promise<void> {
    await this.makeFoldersAbove(destination);
    await this.#makeFolder(destination.path);
  }

  async #makeFolder(path: Buffer): Promise<void> {
    const key = pathKey(path);
    if (this.#made.has(key)) return;
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw restoreError(error, path.toString());
      if (!(await lstat(path)).isDirectory())
        throw new LifeboatError('ManifestInvalid', `${path.toString()} must be a folder and is something else`);
    }
    this.#made.add(key);
  }
}

/** ManifestInvalid if any entry would lie below a link of the same index. Call with every link, then with every destination. */
export class LinkGuard {
  readonly #links = new Set<string>();

  get isEmpty(): boolean {
    return this.#links.size === 0;
  }

  addLink({ path }: Destination): void {
    this.#links.add(pathKey(path));
  }

  assertNotBelowLink({ path }: Destination, name: string): void {
    for (const folder of foldersAbove(path)) {
      if (this.#links.has(pathKey(folder)))
        throw new LifeboatError('ManifestInvalid', `entry ${name} lies below the link ${folder.toString()}`);
    }
  }
}
