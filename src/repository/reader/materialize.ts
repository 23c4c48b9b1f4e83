/** Fetches, verifies and writes the files of one component below a folder. */
import { chmod, lchown, link, lutimes, symlink, utimes } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { EntryMeta, FileEntry, OtherEntry } from '../../domain/entry.ts';
import { fileTime } from '../../domain/file-time.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Opener } from '../frame.ts';
import { readIndexEntries } from '../index-object.ts';
import type { MaterializeOptions, MaterializeResult } from '../repository.ts';
import type { FileMeta } from '../threads/jobs.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { restoreError } from '../threads/restore-job.ts';
import { slabPlainBytes } from '../threads/slab.ts';
import { AttributeRestore } from './attribute-restore.ts';
import { Destinations, placeAll } from './destination.ts';
import type { Destination } from './destination.ts';
import { DurableTree } from './durable-tree.ts';

import { ownerRule } from './owner.ts';
import type { OwnerOf } from './owner.ts';
import { restoreLargeFile } from './restore-large.ts';
import { SmallFileBatch, restoreSmallFiles } from './restore-small.ts';
import { surveyIndex } from './survey.ts';
import type { PlacedEntry, Survey } from './survey.ts';

/** Work without a slab (the last fsync of large files) that may be open at once. */
const openEnds = 16;
/** Bits without which an owner cannot change what is in a folder. */
const ownerPasses = 0o700;

export interface ReaderParts {
  readonly storage: Storage;
  readonly pool: ThreadPool;
  readonly opener: Opener;
  readonly warn: (message: string) => void;
}

export async function materialize(parts: ReaderParts, options: MaterializeOptions): Promise<MaterializeResult> {
  const destinations = new Destinations(options.into, options.place ?? placeAll);
  const survey = await surveyIndex(parts, options.indexId, destinations, options.signal);
  const restore = new Restore(parts, options, destinations, survey, await ownerRule(options.owner));
  await destinations.makeInto();
  return restore.run();
}

class Restore {
  readonly #parts: ReaderParts;
  readonly #options: MaterializeOptions;
  readonly #destinations: Destinations;
  readonly #survey: Survey;
  readonly #ownerOf: OwnerOf;
  readonly #batch = new SmallFileBatch();
  readonly #durable = new DurableTree();
  readonly #attributes = new AttributeRestore();
  readonly #folders: PlacedEntry[] = [];
  readonly #roots = new Map<string, Buffer>();
  readonly #open = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  #files = 0;
  #bytes = 0;

  constructor(
    parts: ReaderParts,
    options: MaterializeOptions,
    destinations: Destinations,
    survey: Survey,
    ownerOf: OwnerOf,
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#destinations = destinations;
    this.#survey = survey;
    this.#ownerOf = ownerOf;
    this.#addRoot(Buffer.from(resolve(options.into)));
  }

  async run(): Promise<MaterializeResult> {
    try {
      await this.#writeFiles();
    } catch (error) {
      this.#failure ??= { error };
    }
    await this.#settle();
    await this.#writeLinks();
    await this.#finishFolders();
    for (const folder of this.#destinations.folders()) this.#durable.add(folder);
    await this.#durable.sync([...this.#roots.values()]);
    return { files: this.#files, bytes: this.#bytes, notes: this.#attributes.notes() };
  }

  async #writeFiles(): Promise<void> {
    const { storage, opener } = this.#parts;
    for await (const entry of readIndexEntries(storage, this.#options.indexId, opener, this.#options.signal)) {
      const destination = this.#destinations.of(entry);
      if (destination === undefined) continue;
      this.#throwFailure();
      if (destination.relative === undefined)
        this.#addRoot(destination.path.subarray(0, destination.path.lastIndexOf(0x2f)));
      if (entry.type === 'directory') {
        await this.#destinations.makeFolder(destination);
        this.#folders.push({ entry, destination });
      } else if (entry.type === 'file') {
        await this.#destinations.makeFoldersAbove(destination);
        await this.#writeFile(entry, destination);
        if (this.#attributes.isFull) await this.#writeAttributes();
      }
    }
    await this.#writeAttributes();
  }

  /** Writes the attributes of files that are whole. Their folders still let us pass. */
  async #writeAttributes(): Promise<void> {
    await this.#flush();
    await this.#settle();
    await this.#attributes.write();
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#open);
    this.#throwFailure();
  }

  async #writeFile(entry: FileEntry, { path }: Destination): Promise<void> {
    const meta = this.#metaOf(entry);
    this.#files += 1;
    if (entry.xattrs !== undefined) {
      this.#attributes.add({ path, attributes: entry.xattrs, mode: meta.mode });
      this.#durable.add(path);
    }
    if (entry.size > slabPlainBytes) {
      const from = {
        ...this.#parts,
        packs: this.#survey.packs,
        signal: this.#options.signal,
        onBytes: (bytes: number) => this.#progress(bytes),
      };
      const { done } = await restoreLargeFile(entry, path, meta, from);
      return this.#track(done);
    }
    if (!this.#batch.hasRoomFor(entry)) await this.#flush();
    this.#batch.add({ entry, path, meta });
    this.#durable.add(path);
  }

  async #flush(): Promise<void> {
    if (this.#batch.isEmpty) return;
    const files = this.#batch.take();
    const { slabs } = this.#parts.pool;
    const slab = await slabs.acquire();
    const work = restoreSmallFiles(files, { ...this.#parts, packs: this.#survey.packs }, slab)
      .then((bytes) => this.#progress(bytes))
      .finally(() => slabs.release(slab));
    await this.#track(work);
  }

  async #track(work: Promise<void>): Promise<void> {
    const settled = work.catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#open.add(settled);
    void settled.then(() => this.#open.delete(settled));
    while (this.#open.size > openEnds) await Promise.race(this.#open);
  }

  /** Last of all entries: while files were written there was no link to be followed. */
  async #writeLinks(): Promise<void> {
    for (const { entry, destination, target } of this.#survey.hardlinks) {
      await this.#destinations.makeFoldersAbove(destination);
      await attempt(entry, () => link(target.path, destination.path));
    }
    for (const { entry, destination } of this.#survey.symlinks) {
      await this.#destinations.makeFoldersAbove(destination);
      await attempt(entry, async () => {
        await symlink(symlinkText(entry), destination.path);
        const { mtime, owner } = this.#metaOf(entry);
        if (owner !== undefined) await lchown(destination.path, owner.uid, owner.gid);
        await lutimes(destination.path, mtime, mtime);
      });
    }
  }

  /** Deepest first: a folder's time changes with what is made in it, and its mode or ACL may lock us out. */
  async #finishFolders(): Promise<void> {
    const folders = this.#folders.sort((a, b) => b.destination.path.length - a.destination.path.length);
    for (const { entry, destination } of folders) {
      const { mode, mtime, owner } = this.#metaOf(entry);
      await attempt(entry, async () => {
        if (owner !== undefined) await lchown(destination.path, owner.uid, owner.gid);
        await utimes(destination.path, mtime, mtime);
        if (entry.xattrs !== undefined) this.#attributes.add({ path: destination.path, attributes: entry.xattrs });
        const locksOut = (mode & ownerPasses) !== ownerPasses;
        if (locksOut || this.#attributes.isFull) await this.#attributes.write();
        await chmod(destination.path, mode);
      });
    }
    await this.#attributes.write();
  }

  #metaOf(entry: EntryMeta): FileMeta {
    const owner = this.#ownerOf(entry);
    return {
      mode: entry.mode & 0o7777,
      mtime: fileTime(entry.mtimeNs),
      ...(owner !== undefined && { owner }),
    };
  }

  #addRoot(path: Buffer): void {
    this.#roots.set(path.toString('latin1'), path);
  }

  #progress(bytes: number): void {
    this.#bytes += bytes;
    this.#options.onProgress?.({ phase: 'fetch', bytesDone: this.#bytes, bytesTotal: this.#survey.bytes });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#options.signal?.throwIfAborted();
  }
}

function symlinkText({ target = '', targetBase64 }: OtherEntry): string | Buffer {
  return targetBase64 === undefined ? target : Buffer.from(targetBase64, 'base64');
}

async function attempt(entry: EntryMeta, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    throw restoreError(error, entry.path);
  }
}
