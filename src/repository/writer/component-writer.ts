/** The way in for one component's entries (docs/repository-format.md, "Writing"). */
import { stat } from 'node:fs/promises';
import { leftOutPath, reservedFolder, type OtherEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { countLeftOut, type LeftOut } from '../../domain/left-out.ts';
import { toJson } from '../../json/to-json.ts';
import type { Storage } from '../../storage/storage.ts';
import type { FileTail } from '../../entries/entry-line.ts';
import { entryKey } from '../entry-path.ts';
import type { Opener, Sealer } from '../frame.ts';
import type {
  ComponentWriter,
  DiskFile,
  DiskResult,
  FileWriter,
  FromDiskOptions,
  Listed,
  WriteOptions,
  WriteSummary,
} from '../repository.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { minBlockSize, slabPlainBytes } from '../threads/slab.ts';
import { BlockStore } from './block-store.ts';
import { DiskFiles } from './disk-files.ts';
import { fileEntry, type FileMeta } from './file-entry.ts';
import { IndexBuilder, type Place } from './index-builder.ts';
import { IndexStore } from './index-store.ts';
import { LargeFile } from './large-file.ts';
import type { LargeFileOptions, SealedLargeFile } from './large-file.ts';
import { PackSink } from './pack-sink.ts';
import { Previous } from './previous.ts';
import { PushedFile } from './pushed-file.ts';
import { SmallFiles } from './small-files.ts';
import type { IsSettled } from './settled.ts';

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

export async function createComponentWriter(parts: WriterParts, options: WriteOptions): Promise<ComponentWriter> {
  const { blockSize } = options;
  if (!Number.isInteger(blockSize) || blockSize < minBlockSize || blockSize > slabPlainBytes) {
    throw new LifeboatError(
      'InputInvalid',
      `block size ${blockSize} is not between ${minBlockSize} and ${slabPlainBytes} bytes`,
    );
  }
  const previous = await Previous.open({
    ...parts,
    previousIndexId: options.previousIndexId,
    resumePacks: options.resumePacks ?? [],
  });
  return new Writer(parts, options, previous);
}

class Writer implements ComponentWriter {
  readonly #parts: WriterParts;
  readonly #options: WriteOptions;
  readonly #disk: DiskFiles;
  readonly #sink: PackSink;
  readonly #store: BlockStore;
  readonly #small: SmallFiles;
  readonly #indexStore: IndexStore;
  readonly #index: IndexBuilder;
  /** Files that a driver is still pushing. */
  readonly #open = new Set<PushedFile>();
  /** Entries that are on their way without a caller who waits. */
  readonly #pending = new Set<Promise<void>>();
  readonly #file: LargeFileOptions;
  readonly #leftOut: LeftOut[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isEnded = false;
  #bytesDone = 0;

  constructor(parts: WriterParts, options: WriteOptions, previous: Previous) {
    const { storage, pool, sealer } = parts;
    this.#parts = parts;
    this.#options = options;
    this.#sink = new PackSink(storage, pool, sealer);
    this.#store = new BlockStore(this.#sink, previous, pool.packMemory);
    this.#file = { blockSize: options.blockSize, digest: options.wholeDigests === true };
    this.#small = new SmallFiles(pool, this.#store);
    this.#indexStore = new IndexStore({ ...parts, previous, store: this.#store, small: this.#small });
    this.#index = new IndexBuilder(async (text) => this.#indexStore.part(text));
    this.#disk = new DiskFiles({
      ...parts,
      previous,
      store: this.#store,
      small: this.#small,
      index: this.#index,
      file: this.#file,
      rehash: options.rehash,
      startLarge: () => this.#startLarge(),
      progress: (bytes) => this.#progress(bytes),
      check: () => this.#check(),
    });
  }

  place(): Place {
    return this.#index.take();
  }

  async room(): Promise<void> {
    await this.#index.room();
  }

  release(place: Place): void {
    this.#index.giveUp(place);
  }

  async add(entry: OtherEntry, place = this.place()): Promise<void> {
    try {
      this.#check();
      entryKey(entry);
    } catch (error) {
      this.#index.giveUp(place);
      throw error;
    }
    this.#index.put(place, entry);
    await this.#index.room();
  }

  async open(entry: FileMeta, size: number): Promise<FileWriter> {
    this.#check();
    const isData = !entry.path.startsWith(`${reservedFolder}/`);
    entryKey(entry);
    const place = this.place();
    const file = new PushedFile({
      path: entry.path,
      size,
      startLarge: () => this.#startLarge(),
      small: async (content) => {
        const sealing = this.#small.add({ size, content, isData, ...this.#file });
        this.#track(
          sealing.then(({ sha256, refs }) => this.#index.put(place, fileEntry(entry, { size, sha256, refs }))),
        );
        await this.#small.room();
      },
      large: (large, sealed) => this.#track(this.#finishLarge(large, sealed, { entry, place })),
      onBytes: (bytes) => this.#progress(bytes),
      onClose: () => this.#open.delete(file),
      check: () => this.#check(),
    });
    this.#open.add(file);
    return file;
  }

  reuse(file: Listed, place: Place): FileTail | undefined | Promise<FileTail | undefined> {
    return this.#disk.reuse(file, place);
  }

  async fromDisk(entry: FileMeta, absolutePath: string | Buffer, options: FromDiskOptions = {}): Promise<DiskResult> {
    return this.#disk.readOne(entry, absolutePath, { ...options, place: options.place ?? this.place() });
  }

  async readFiles(files: readonly DiskFile[]): Promise<(Error | DiskResult)[]> {
    return this.#disk.readAll(files);
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
    const indexOf = await this.#index.finish();
    const index = indexOf(this.#options.componentId, await this.#store.finish());
    const indexBytes = await this.#indexStore.object(index);
    return {
      indexId: index.id,
      files: index.head.files,
      bytes: index.head.bytes,
      storedBytes: this.#sink.storedBytes + indexBytes,
      reusedFiles: this.#disk.reused,
      leftOut: countLeftOut(this.#leftOut),
    };
  }

  async abandon(): Promise<void> {
    this.#fail(new LifeboatError('Aborted', 'the capture was given up'));
    for (const file of this.#open) file.abandon();
    await Promise.all(this.#pending);
    await this.#store.abandon();
    await this.#sink.abandon();
  }

  #startLarge(): LargeFile {
    return new LargeFile(this.#parts.pool, this.#store, this.#file);
  }

  async #finishLarge(
    file: LargeFile,
    sealing: Promise<SealedLargeFile>,
    { entry, place }: { readonly entry: FileMeta; readonly place: Place },
  ): Promise<void> {
    try {
      this.#index.put(place, fileEntry(entry, await sealing));
      await this.#index.room();
    } catch (error) {
      await file.abandon();
      throw error;
    }
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
