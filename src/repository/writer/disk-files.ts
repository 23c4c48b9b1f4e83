/** Files of this host on their way into an index: taken over as they were, read many at once, or read one by one. */
import { crc32 } from 'node:zlib';
import type { BlockRef, EntryMeta, FileEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { headWithout, lineAfter, pathOfLine, type FileTail } from '../../entries/entry-line.ts';
import { parseJson } from '../../json/parse-json.ts';
import { bundledBytes } from '../bundle.ts';
import { entryKey } from '../entry-path.ts';
import type { DiskFile, DiskResult, FromDiskOptions, Listed, WriteOptions } from '../repository.ts';
import type { ListedFile } from '../threads/jobs.ts';
import { readingOf } from '../threads/seal-job.ts';
import { slabPlainBytes } from '../threads/slab.ts';
import type { BlockStore } from './block-store.ts';
import { fileEntry, type FileMeta } from './file-entry.ts';
import type { IndexBuilder, Place } from './index-builder.ts';
import type { LargeFile, LargeFileOptions } from './large-file.ts';
import type { Previous } from './previous.ts';
import type { PreviousFile } from './previous-files.ts';
import type { IsSettled } from './settled.ts';
import type { SmallFiles } from './small-files.ts';
import {
  describeSource,
  hasSameContent,
  identityOf,
  isUnchanged,
  lookAtSource,
  openSource,
  type SourceReading,
} from './source-file.ts';

export interface DiskFilesParts {
  readonly previous: Previous;
  readonly store: BlockStore;
  readonly small: SmallFiles;
  readonly index: IndexBuilder;
  readonly file: LargeFileOptions;
  readonly rehash: WriteOptions['rehash'];
  readonly isSettled: IsSettled;
  readonly warn: (message: string) => void;
  readonly startLarge: () => LargeFile;
  readonly progress: (bytes: number) => void;
  /** Throws where the writer is over. */
  readonly check: () => void;
}

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

/** A file that is read with others, and what the previous index has of it where its times say that it is still that. */
interface Together {
  readonly file: DiskFile;
  readonly known: FileEntry | undefined;
}

export class DiskFiles {
  readonly #parts: DiskFilesParts;
  /** What the previous index has of files that `reuse` did not take over. */
  readonly #lookedUp = new Map<Place, PreviousFile>();
  #reused = 0;

  constructor(parts: DiskFilesParts) {
    this.#parts = parts;
  }

  /** Files that were taken over. */
  get reused(): number {
    return this.#reused;
  }

  reuse(file: Listed, place: Place): FileTail | undefined | Promise<FileTail | undefined> {
    this.#parts.check();
    const key = headKey(file.head);
    const looking = this.#parts.previous.files.find(key);
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
    this.#parts.index.putLine(place, { path: key, size, blocks: tail.blocks.length }, known.line);
    return tail;
  }

  async readOne(
    entry: FileMeta,
    path: string | Buffer,
    options: FromDiskOptions & { readonly place: Place },
  ): Promise<DiskResult> {
    try {
      return await this.#readOne(entry, { path, at: Date.now() }, options);
    } catch (error) {
      this.#parts.index.giveUp(options.place);
      throw error;
    }
  }

  async readAll(files: readonly DiskFile[]): Promise<(Error | DiskResult)[]> {
    this.#parts.check();
    const together = files.map((file) => this.#together(file)).filter((file) => file !== undefined);
    const done = new Map<DiskFile, DiskResult>();
    await this.#readTogether(
      together.filter(({ known }) => known === undefined),
      done,
    );
    await this.#readTogether(
      together.filter(({ known }) => known !== undefined),
      done,
    );
    await this.#parts.index.room();
    const alone = async ({ found, xattrs, ...options }: DiskFile): Promise<Error | DiskResult> => {
      const entry = { ...found.entry, ...(xattrs !== undefined && { xattrs }) };
      const source = Buffer.from(found.source, 'latin1');
      return this.readOne(entry, source, { ...options, facts: found.facts }).catch((error: unknown) => error as Error);
    };
    return Promise.all(files.map(async (file) => done.get(file) ?? alone(file)));
  }

  /** Undefined: the file is large, or need not be read. */
  #together(file: DiskFile): Together | undefined {
    const { found, place } = file;
    if (this.#parts.file.digest || found.facts.size > bundledBytes) return undefined;
    const known = this.#lookedUp.get(place)?.entry;
    if (known === undefined || !isUnchanged(found.facts, known)) return { file, known: undefined };
    return this.#isRehashDue(headKey(found.head)) ? { file, known } : undefined;
  }

  /** Either all files of the group are known afterwards, or none is. What is not as it was listed is left to be read alone. */
  async #readTogether(together: readonly Together[], done: Map<DiskFile, DiskResult>): Promise<void> {
    if (together.length === 0) return;
    const { small, file, isSettled, progress } = this.#parts;
    const at = Date.now();
    const listed = together.map(({ file: { found } }): ListedFile => {
      const { size, mtimeNs, ctimeNs, inode, device } = found.facts;
      return [found.source, size, mtimeNs, ctimeNs, inode, device];
    });
    const expected = together.flatMap(({ known }) => (known === undefined ? [] : known.blocks));
    const refs = await small.readListed(
      listed,
      file.blockSize,
      together[0]?.known === undefined ? undefined : expected,
    );
    let bytes = 0;
    for (const [number, { file: one, known }] of together.entries()) {
      const blocks = refs[number];
      if (blocks === undefined) continue;
      const { source, facts } = one.found;
      const settled = isSettled({ path: source, at, ...facts });
      this.#putListed(one, blocks, typeof settled === 'boolean' ? settled : await settled);
      if (known !== undefined) this.#warnIfAltered(known.path, { blocks }, known);
      this.#lookedUp.delete(one.place);
      bytes += facts.size;
      done.set(one, { changedDuringRead: false, reused: false, inode: facts.inode });
    }
    progress(bytes);
  }

  async #readOne(
    entry: FileMeta,
    source: Source,
    { place, facts: seen, hasAllAttributes = false }: FromDiskOptions & { readonly place: Place },
  ): Promise<DiskResult> {
    const { check, previous, index } = this.#parts;
    check();
    // At once: callers come in the order of a walk, and looking at a file takes longer for one than for another.
    const looking = this.#lookedUp.has(place) ? undefined : previous.files.find(entryKey(entry));
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
      index.put(place, { ...fileEntry(entry, { size, sha256, refs: blocks }), ...described });
      await index.room();
      return { changedDuringRead: false, reused: true, inode: facts.inode };
    }
    const { read, inode } =
      (facts.size <= slabPlainBytes ? await this.#readSmall(entry, source, facts.size) : undefined) ??
      (await this.#readLarge(entry, source));
    if (isKnown) this.#warnIfAltered(entry.path, read, known);
    const { source: identity, ...rest } = read;
    index.put(place, identity === undefined ? rest : { ...rest, source: identityOf(identity, hasAllAttributes) });
    await index.room();
    return { changedDuringRead: read.changedDuringRead === true, reused: false, inode };
  }

  #warnIfAltered(path: string, read: Pick<FileEntry, 'blocks'>, known: FileEntry): void {
    if (hasSameContent(read, known)) return;
    this.#parts.warn(
      `${path} has other content than at the last backup although its times did not change: the disk or a program altered it silently`,
    );
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
    this.#parts.index.putLine(place, { path: headKey(head), size, blocks: blocks.length }, lineAfter(own, tail));
  }

  /** A file of which the previous index has all blocks. */
  #countReused(blocks: readonly BlockRef[], size: number): void {
    this.#parts.store.use(blocks);
    this.#reused += 1;
    this.#parts.progress(size);
  }

  /** Small file from disk, in the thread. Undefined if it grew beyond what was looked up. */
  async #readSmall(entry: FileMeta, source: Source, size: number): Promise<Read | undefined> {
    const { small, file, progress } = this.#parts;
    const sealed = await small.add({ size, content: { path: source.path }, isData: true, ...file });
    const { reading, refs, sha256 } = sealed;
    if (reading === undefined) throw new LifeboatError('Internal', `a thread read ${entry.path} without looking at it`);
    if (reading.after.size > size) return undefined;
    progress(sealed.size);
    const described = await this.#describe(entry, source, { ...reading, bytesRead: sealed.size });
    const read = { ...fileEntry(entry, { size: sealed.size, sha256, refs }), ...described };
    return { read, inode: reading.after.inode };
  }

  async #readLarge(entry: FileMeta, source: Source): Promise<Read> {
    const { startLarge, check, progress } = this.#parts;
    const { handle, stats } = await openSource(source.path);
    const large = startLarge();
    const bytes = Number(stats.size);
    try {
      for (let position = 0; position < bytes; position += large.chunkBytes) {
        check();
        const size = Math.min(large.chunkBytes, bytes - position);
        large.push(await large.room(), { size, source: { fd: handle.fd, position } });
        progress(size);
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

  /** Once a cycle each file is read although its times did not change. */
  #isRehashDue(key: string): boolean {
    const { rehash } = this.#parts;
    if (rehash === undefined || rehash.parts < 1) return false;
    return crc32(key) % rehash.parts === rehash.part % rehash.parts;
  }
}

/** `entryKey` of what begins so. */
function headKey(head: string): string {
  return pathOfLine(head) ?? entryKey(parseJson(head) as EntryMeta);
}
