/** The way in for one component's entries (docs/repository-format.md, "Writing"). */
import { stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import {
  leftOutPath,
  reservedFolder,
  type BlockRef,
  type EntryMeta,
  type FileEntry,
  type OtherEntry,
} from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { countLeftOut, type LeftOut } from '../../domain/left-out.ts';
import { toJson } from '../../json/to-json.ts';
import type { Storage } from '../../storage/storage.ts';
import { headWithout, lineAfter, pathOfLine, type FileTail } from '../../entries/entry-line.ts';
import { parseJson } from '../../json/parse-json.ts';
import { entryKey } from '../entry-path.ts';
import type { Opener, Sealer } from '../frame.ts';
import { bundledBytes } from '../bundle.ts';
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
import type { ListedFile } from '../threads/jobs.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { readingOf } from '../threads/seal-job.ts';
import { minBlockSize, slabPlainBytes } from '../threads/slab.ts';
import { BlockStore } from './block-store.ts';
import { IndexBuilder, type Place } from './index-builder.ts';
import { IndexStore } from './index-store.ts';
import { LargeFile } from './large-file.ts';
import type { LargeFileOptions, SealedLargeFile } from './large-file.ts';
import { PackSink } from './pack-sink.ts';
import { Previous } from './previous.ts';
import type { PreviousFile } from './previous-files.ts';
import { PushedFile } from './pushed-file.ts';
import { SmallFiles } from './small-files.ts';
import type { IsSettled } from './settled.ts';
import {
  describeSource,
  hasSameContent,
  identityOf,
  isUnchanged,
  lookAtSource,
  openSource,
  type SourceReading,
} from './source-file.ts';

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
  readonly #previous: Previous;
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
  /** What the previous index has of files that `reuse` did not take over. */
  readonly #lookedUp = new Map<Place, PreviousFile>();
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
    this.#file = { blockSize: options.blockSize, digest: options.wholeDigests === true };
    this.#small = new SmallFiles(pool, this.#store);
    this.#indexStore = new IndexStore({ ...parts, previous, store: this.#store, small: this.#small });
    this.#index = new IndexBuilder(async (text) => this.#indexStore.part(text));
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
    this.#check();
    const key = headKey(file.head);
    const looking = this.#previous.files.find(key);
    return looking instanceof Promise
      ? looking.then((known) => this.#reuse(file, { key, known, place }))
      : this.#reuse(file, { key, known: looking, place });
  }

  #reuse(
    { head, facts: { size } }: Listed,
    { key, known, place }: { readonly key: string; readonly known: PreviousFile | undefined; readonly place: Place },
  ): FileTail | undefined {
    if (known === undefined) return undefined;
    const tail = this.#isRehashDue(key) ? undefined : known.tail(head, size);
    if (tail === undefined) {
      this.#lookedUp.set(place, known);
      return undefined;
    }
    this.#countReused(tail.blocks, size);
    this.#index.putLine(place, { path: key, size, blocks: tail.blocks.length }, known.line);
    return tail;
  }

  async fromDisk(entry: FileMeta, absolutePath: string | Buffer, options: FromDiskOptions = {}): Promise<DiskResult> {
    const { place = this.place() } = options;
    try {
      return await this.#fromDisk(entry, { path: absolutePath, at: Date.now() }, { ...options, place });
    } catch (error) {
      this.#index.giveUp(place);
      throw error;
    }
  }

  async readFiles(files: readonly DiskFile[]): Promise<(Error | DiskResult)[]> {
    this.#check();
    const at = Date.now();
    const alone = async (file: DiskFile): Promise<Error | DiskResult> => {
      const { found, xattrs, ...options } = file;
      const entry = { ...found.entry, ...(xattrs !== undefined && { xattrs }) };
      const source = Buffer.from(found.source, 'latin1');
      return this.fromDisk(entry, source, { ...options, facts: found.facts }).catch((error: unknown) => error as Error);
    };
    const together = files.filter(
      ({ found, place }) => !this.#file.digest && found.facts.size <= bundledBytes && !this.#lookedUp.has(place),
    );
    const listed = together.map(({ found: { source, facts } }): ListedFile => {
      return [source, facts.size, facts.mtimeNs, facts.ctimeNs, facts.inode, facts.device];
    });
    const refs = together.length === 0 ? [] : await this.#small.readListed(listed, this.#file.blockSize);
    const done = new Map<DiskFile, DiskResult>();
    let bytes = 0;
    for (const [number, file] of together.entries()) {
      const blocks = refs[number];
      if (blocks === undefined) continue;
      const { source, facts } = file.found;
      const settled = this.#parts.isSettled({ path: source, at, ...facts });
      this.#putListed(file, blocks, typeof settled === 'boolean' ? settled : await settled);
      bytes += facts.size;
      done.set(file, { changedDuringRead: false, reused: false, inode: facts.inode });
    }
    this.#progress(bytes);
    await this.#index.room();
    return Promise.all(files.map(async (file) => done.get(file) ?? alone(file)));
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
  }

  async #fromDisk(
    entry: FileMeta,
    source: Source,
    { place, facts: seen, hasAllAttributes = false }: FromDiskOptions & { readonly place: Place },
  ): Promise<DiskResult> {
    this.#check();
    // At once: callers come in the order of a walk, and looking at a file takes longer for one than for another.
    const looking = this.#lookedUp.has(place) ? undefined : this.#previous.files.find(entryKey(entry));
    const facts = seen ?? (await lookAtSource(source.path));
    const known = (this.#lookedUp.get(place) ?? (await looking))?.entry;
    this.#lookedUp.delete(place);
    const isKnown = known !== undefined && isUnchanged(facts, known);
    if (isKnown && known.source !== undefined && !this.#isRehashDue(entryKey(entry))) {
      const { source: identity, sparse, size, sha256, blocks } = known;
      const described = {
        ...(sparse === true && { sparse }),
        ...(entry.mtimeNs === facts.mtimeNs && { source: identityOf(identity, hasAllAttributes) }),
      };
      this.#countReused(blocks, size);
      this.#index.put(place, { ...fileEntry(entry, { size, sha256, refs: blocks }), ...described });
      await this.#index.room();
      return { changedDuringRead: false, reused: true, inode: facts.inode };
    }
    const { read, inode } =
      (facts.size <= slabPlainBytes ? await this.#readSmall(entry, source, facts.size) : undefined) ??
      (await this.#readLarge(entry, source));
    if (isKnown && !hasSameContent(read, known)) {
      this.#parts.warn(
        `${entry.path} has other content than at the last backup although its times did not change: the disk or a program altered it silently`,
      );
    }
    const { source: identity, ...rest } = read;
    this.#index.put(place, identity === undefined ? rest : { ...rest, source: identityOf(identity, hasAllAttributes) });
    await this.#index.room();
    return { changedDuringRead: read.changedDuringRead === true, reused: false, inode };
  }

  /** A file that was read as it was listed. */
  #putListed(
    { found: { head, facts }, xattrs, place, hasAllAttributes }: DiskFile,
    blocks: readonly BlockRef[],
    isSettled: boolean,
  ): void {
    const { size, allocatedBytes } = facts;
    const own = !isSettled ? headWithout(head, 'source') : hasAllAttributes ? head : headWithout(head, 'attributes');
    const tail = { ...(allocatedBytes < size && { sparse: true }), ...(xattrs !== undefined && { xattrs }), blocks };
    this.#index.putLine(place, { path: headKey(head), size, blocks: blocks.length }, lineAfter(own, tail));
  }

  /** A file of which the previous index has all blocks. */
  #countReused(blocks: readonly BlockRef[], size: number): void {
    this.#store.use(blocks);
    this.#reusedFiles += 1;
    this.#progress(size);
  }

  /** Small file from disk, in the thread. Undefined if it grew beyond what was looked up. */
  async #readSmall(entry: FileMeta, source: Source, size: number): Promise<Read | undefined> {
    const sealed = await this.#small.add({ size, content: { path: source.path }, isData: true, ...this.#file });
    const { reading, refs, sha256 } = sealed;
    if (reading === undefined) throw new LifeboatError('Internal', `a thread read ${entry.path} without looking at it`);
    if (reading.after.size > size) return undefined;
    this.#progress(sealed.size);
    const described = await this.#describe(entry, source, { ...reading, bytesRead: sealed.size });
    const read = { ...fileEntry(entry, { size: sealed.size, sha256, refs }), ...described };
    return { read, inode: reading.after.inode };
  }

  async #readLarge(entry: FileMeta, source: Source): Promise<Read> {
    const { handle, stats } = await openSource(source.path);
    const large = this.#startLarge();
    const bytes = Number(stats.size);
    try {
      for (let position = 0; position < bytes; position += large.chunkBytes) {
        this.#check();
        const size = Math.min(large.chunkBytes, bytes - position);
        large.push(await large.room(), { size, source: { fd: handle.fd, position } });
        this.#progress(size);
      }
      const { size, sha256, refs } = await large.finish();
      const reading = readingOf(stats, await handle.stat({ bigint: true }));
      const described = await this.#describe(entry, source, { ...reading, bytesRead: size });
      return { read: { ...fileEntry(entry, { size, sha256, refs }), ...described }, inode: `${stats.ino}` };
    } catch (error) {
      await large.abandon();
      throw error;
    } finally {
      await handle.close();
    }
  }

  async #describe(entry: FileMeta, source: Source, reading: SourceReading): Promise<ReturnType<typeof describeSource>> {
    const { device, ctimeNs } = reading.after;
    return describeSource(entry, reading, await this.#parts.isSettled({ ...source, device, ctimeNs }));
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

  #isRehashDue(key: string): boolean {
    const { rehash } = this.#options;
    if (rehash === undefined || rehash.parts < 1) return false;
    return crc32(key) % rehash.parts === rehash.part % rehash.parts;
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

function fileEntry(
  entry: FileMeta,
  {
    size,
    sha256,
    refs,
  }: { readonly size: number; readonly sha256?: string | undefined; readonly refs: readonly BlockRef[] },
): FileEntry {
  return { ...entry, size, ...(sha256 !== undefined && { sha256 }), blocks: refs };
}

/** `entryKey` of what begins so. */
function headKey(head: string): string {
  return pathOfLine(head) ?? entryKey(parseJson(head) as FileMeta);
}
