/** The way in for one component's entries (docs/repository-format.md, "Writing"). */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { leftOutPath, type BlockRef, type EntryMeta, type FileEntry, type OtherEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { countLeftOut, type LeftOut } from '../../domain/left-out.ts';
import { parseJson } from '../../json/parse-json.ts';
import { toJson } from '../../json/to-json.ts';
import type { Storage } from '../../storage/storage.ts';
import { pathBytes, pathKey } from '../entry-path.ts';
import type { Opener, Sealer } from '../frame.ts';
import { IndexWriter, readIndexObject } from '../index-object.ts';
import type { ComponentWriter, FileWriter, WriteOptions, WriteSummary } from '../repository.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { factsOf } from '../threads/seal-job.ts';
import { minBlockSize, slabPlainBytes } from '../threads/slab.ts';
import { BlockStore } from './block-store.ts';
import { LargeFile } from './large-file.ts';
import type { SealedLargeFile } from './large-file.ts';
import { PackSink } from './pack-sink.ts';
import { loadPrevious } from './previous.ts';
import type { Previous } from './previous.ts';
import { PushedFile } from './pushed-file.ts';
import { SmallFiles } from './small-files.ts';
import type { IsSettled } from './settled.ts';
import { describeSource, isUnchanged, lookAtSource, openSource, type SourceReading } from './source-file.ts';

export interface WriterParts {
  readonly storage: Storage;
  readonly pool: ThreadPool;
  readonly sealer: Sealer;
  readonly opener: Opener;
  /** Ids of packs that hold nothing for us, although they lie there. */
  readonly damaged: ReadonlySet<string>;
  readonly warn: (message: string) => void;
  readonly isSettled: IsSettled;
}

/** A folder full of sockets would otherwise fill memory and the index. All are counted. */
const namedLeftOut = 1000;

type FileMeta = EntryMeta & { readonly type: 'file' };

/** A file that was read, and which one it was: another may have taken its name since it was listed. */
interface Read {
  readonly read: FileEntry;
  readonly inode: string;
}

/** A file on this host, and when it was first looked at. */
interface Source {
  readonly path: string | Buffer;
  readonly at: number;
}

export async function createComponentWriter(parts: WriterParts, options: WriteOptions): Promise<ComponentWriter> {
  const { blockSize } = options;
  if (!Number.isInteger(blockSize) || blockSize < minBlockSize || blockSize > slabPlainBytes) {
    throw new LifeboatError(
      'InputInvalid',
      `block size ${blockSize} is not between ${minBlockSize} and ${slabPlainBytes} bytes`,
    );
  }
  const previous = await loadPrevious({
    ...parts,
    previousIndexId: options.previousIndexId,
    resumePacks: options.resumePacks ?? [],
  });
  return new Writer(parts, options, previous);
}

class Writer implements ComponentWriter {
  readonly #parts: WriterParts;
  readonly #options: WriteOptions;
  readonly #previous: Previous;
  readonly #sink: PackSink;
  readonly #store: BlockStore;
  readonly #small: SmallFiles;
  readonly #index: IndexWriter;
  /** Files that a driver is still pushing. */
  readonly #open = new Set<PushedFile>();
  /** Entries that are on their way without a caller who waits. */
  readonly #pending = new Set<Promise<void>>();
  readonly #largeOptions: { readonly known: Previous['blocks']['sharedIds']; readonly blockSize: number };
  readonly #leftOut: LeftOut[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isEnded = false;
  #bytesDone = 0;
  #reusedFiles = 0;

  constructor(parts: WriterParts, options: WriteOptions, previous: Previous) {
    const { storage, pool, sealer } = parts;
    this.#parts = parts;
    this.#options = options;
    this.#previous = previous;
    this.#sink = new PackSink(storage, pool, sealer);
    this.#store = new BlockStore(this.#sink, previous, pool.packMemory);
    const known = previous.blocks.count === 0 ? undefined : previous.blocks.sharedIds;
    this.#largeOptions = { known, blockSize: options.blockSize };
    this.#small = new SmallFiles(pool, this.#store, this.#largeOptions);
    this.#index = new IndexWriter(storage, sealer, options.componentId);
  }

  async add(entry: OtherEntry): Promise<void> {
    this.#check();
    pathBytes(entry);
    await this.#index.add(entry);
  }

  async open(entry: FileMeta, size: number): Promise<FileWriter> {
    this.#check();
    pathBytes(entry);
    const file = new PushedFile({
      path: entry.path,
      size,
      startLarge: () => this.#startLarge(),
      small: async (content) => {
        this.#track(
          this.#small
            .add({ size, content })
            .then(({ sha256, refs }) => this.#index.add({ ...entry, size, sha256, blocks: refs })),
        );
        await this.#small.room();
      },
      large: (large, sealed) => this.#track(this.#finishLarge(large, sealed, entry)),
      onBytes: (bytes) => this.#progress(bytes),
      onClose: () => this.#open.delete(file),
      check: () => this.#check(),
    });
    this.#open.add(file);
    return file;
  }

  async fromDisk(
    entry: FileMeta,
    absolutePath: string | Buffer,
  ): Promise<{ readonly changedDuringRead: boolean; readonly reused: boolean; readonly inode: string }> {
    this.#check();
    const key = pathKey(pathBytes(entry));
    const source = { path: absolutePath, at: Date.now() };
    const facts = await lookAtSource(absolutePath);
    const known = this.#knownFile(key);
    if (known?.source !== undefined && isUnchanged(facts, known.source) && !this.#isRehashDue(key)) {
      const { size, sha256, source, sparse } = known;
      await this.#index.add({
        ...entry,
        size,
        sha256,
        source,
        ...(sparse === true && { sparse }),
        blocks: this.#store.reuse(known.blocks),
      });
      this.#reusedFiles += 1;
      this.#progress(size);
      return { changedDuringRead: false, reused: true, inode: facts.inode };
    }
    const { read, inode } =
      (facts.size <= slabPlainBytes ? await this.#readSmall(entry, source, facts.size) : undefined) ??
      (await this.#readLarge(entry, source));
    if (known?.source !== undefined && isUnchanged(facts, known.source) && read.sha256 !== known.sha256) {
      this.#parts.warn(
        `${entry.path} has other content than at the last backup although its times did not change: the disk or a program altered it silently`,
      );
    }
    await this.#index.add(read);
    return { changedDuringRead: read.changedDuringRead === true, reused: false, inode };
  }

  async isSettled(path: string): Promise<boolean> {
    const at = Date.now();
    const facts = await stat(path, { bigint: true }).catch(() => undefined);
    if (facts === undefined) return false;
    return this.#parts.isSettled({ path, at, device: `${facts.dev}`, ctimeNs: `${facts.ctimeNs}` });
  }

  async bytes(path: string, content: Uint8Array): Promise<void> {
    const mtimeNs = (BigInt(Date.now()) * 1_000_000n).toString();
    const entry = {
      path,
      type: 'file',
      mode: 0o600,
      mtimeNs,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
    } as const;
    const file = await this.open(entry, content.length);
    await file.write(content);
    await file.close();
  }

  leaveOut(left: LeftOut): void {
    this.#check();
    this.#leftOut.push(left);
  }

  committedPacks(): readonly string[] {
    return [...this.#sink.committed];
  }

  async finish(): Promise<WriteSummary> {
    if (this.#leftOut.length > 0)
      await this.bytes(leftOutPath, Buffer.from(toJson(this.#leftOut.slice(0, namedLeftOut))));
    await Promise.all(this.#pending);
    this.#check();
    this.#isEnded = true;
    const packs = await this.#store.finish();
    const staged = await this.#index.finish(packs);
    const indexBytes = staged.size;
    await this.#parts.storage.commit([staged]);
    await this.#readBackIndex();
    const { files, bytes } = this.#index.totals;
    return {
      indexId: this.#index.id,
      files,
      bytes,
      storedBytes: this.#sink.storedBytes + indexBytes,
      reusedFiles: this.#reusedFiles,
      leftOut: countLeftOut(this.#leftOut),
    };
  }

  async abandon(): Promise<void> {
    this.#fail(new LifeboatError('Aborted', 'the capture was given up'));
    for (const file of this.#open) file.abandon();
    await Promise.all(this.#pending);
    await this.#store.abandon();
    await this.#sink.abandon();
    await this.#index.discard();
  }

  /** Small file from disk, in the thread. Undefined if it grew beyond what was looked up. */
  async #readSmall(entry: FileMeta, source: Source, size: number): Promise<Read | undefined> {
    const sealed = await this.#small.add({ size, content: { path: source.path } });
    const { before, after } = sealed;
    if (before === undefined || after === undefined)
      throw new LifeboatError('Internal', `a thread read ${entry.path} without looking at it`);
    if (before.size > size) return undefined;
    this.#progress(sealed.size);
    const described = await this.#describe(source, { before, after, bytesRead: sealed.size });
    const read = { ...entry, size: sealed.size, sha256: sealed.sha256, ...described, blocks: sealed.refs };
    return { read, inode: before.inode };
  }

  async #readLarge(entry: FileMeta, source: Source): Promise<Read> {
    const { handle, facts } = await openSource(source.path);
    const large = this.#startLarge();
    try {
      for (let position = 0; position < facts.size; position += large.chunkBytes) {
        this.#check();
        const size = Math.min(large.chunkBytes, facts.size - position);
        large.push(await large.room(), { size, source: { fd: handle.fd, position } });
        this.#progress(size);
      }
      const { size, sha256, refs } = await large.finish();
      const after = factsOf(await handle.stat({ bigint: true }));
      const described = await this.#describe(source, { before: facts, after, bytesRead: size });
      return { read: { ...entry, size, sha256, ...described, blocks: refs }, inode: facts.inode };
    } catch (error) {
      await large.abandon();
      throw error;
    } finally {
      await handle.close();
    }
  }

  async #describe(source: Source, reading: SourceReading): Promise<ReturnType<typeof describeSource>> {
    const { device, ctimeNs } = reading.after;
    return describeSource(reading, await this.#parts.isSettled({ ...source, device, ctimeNs }));
  }

  #startLarge(): LargeFile {
    return new LargeFile(this.#parts.pool, this.#store, this.#largeOptions);
  }

  async #finishLarge(file: LargeFile, sealing: Promise<SealedLargeFile>, entry: FileMeta): Promise<void> {
    try {
      const { size, sha256, refs } = await sealing;
      await this.#index.add({ ...entry, size, sha256, blocks: refs });
    } catch (error) {
      await file.abandon();
      throw error;
    }
  }

  /** Read back from the storage: every entry is there, and each new block where it was authenticated. */
  async #readBackIndex(): Promise<void> {
    const { storage, opener } = this.#parts;
    let entries = 0;
    for await (const entry of readIndexObject(storage, this.#index.id, opener)) {
      entries += 1;
      const isTrue = entry.type !== 'file' || entry.blocks.every((ref: BlockRef) => this.#store.isTrue(ref));
      if (!isTrue)
        throw new LifeboatError(
          'ObjectCorrupt',
          `index ${this.#index.id}, read back at once, names another place for ${entry.path}`,
        );
    }
    if (entries !== this.#index.totals.entries) {
      throw new LifeboatError(
        'ObjectCorrupt',
        `index ${this.#index.id} was written with ${this.#index.totals.entries} entries and reads back ${entries}`,
      );
    }
  }

  #knownFile(key: string): FileEntry | undefined {
    const text = this.#previous.files.get(key);
    return text === undefined ? undefined : (parseJson(text) as FileEntry);
  }

  #isRehashDue(key: string): boolean {
    const { rehash } = this.#options;
    if (rehash === undefined || rehash.parts < 1) return false;
    return (
      createHash('sha256').update(key, 'latin1').digest().readUInt32BE(0) % rehash.parts === rehash.part % rehash.parts
    );
  }

  #track(work: Promise<void>): void {
    const settled = work.catch((error: unknown) => this.#fail(error));
    this.#pending.add(settled);
    void settled.then(() => this.#pending.delete(settled));
  }

  #progress(bytes: number): void {
    this.#bytesDone += bytes;
    this.#options.onProgress?.({ phase: 'capture', bytesDone: this.#bytesDone, bytesTotal: 0 });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#isEnded) throw new LifeboatError('Internal', 'the component writer was used after its end');
    this.#options.signal?.throwIfAborted();
  }
}
