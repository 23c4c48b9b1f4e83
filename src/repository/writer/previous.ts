/**
 * What earlier backups and killed attempts stored: their blocks are not stored again, their unchanged files not read, and
 * their numbers of packs are kept, so that lines and parts of an index stand in the next one as they are. All but the
 * index object itself is read when it is asked for first.
 */
import type { BlockRef } from '../../domain/entry.ts';
import type { Storage } from '../../storage/storage.ts';
import { BlockTable, type BlockPlace } from '../block-table.ts';
import type { Opener } from '../frame.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { partOf, provePart, readIndexObject, readLines, type Index, type PartSource } from '../index-object.ts';
import { layout } from '../layout.ts';
import { ownObjects } from '../own-objects.ts';
import { parseEntry } from '../parse-entry.ts';
import { PreviousFiles, warnOfDamage } from './previous-files.ts';
import { readResumedPacks, type ResumedPack } from './resumed-packs.ts';
import type { PackRecord, PackTable } from '../index-head.ts';

export interface Sources {
  readonly storage: Storage;
  readonly opener: Opener;
  readonly previousIndexId: string | undefined;
  readonly resumePacks: readonly string[];
  readonly damaged: ReadonlySet<string>;
  readonly warn: (message: string) => void;
}

export class Previous {
  readonly #sources: Sources & PartSource;
  readonly #index: Index | undefined;
  readonly #resumed: readonly ResumedPack[];
  readonly #packs: Map<number, PackRecord>;
  readonly #parts: Map<string, BlockRef>;
  /** Those of them that were read in this run and are whole, by `placeOf`. */
  readonly #wholeParts = new Set<string>();
  readonly files: PreviousFiles;
  #loading: Promise<BlockTable> | undefined;
  #blocks: BlockTable | undefined;

  private constructor(
    sources: Sources,
    index: Index | undefined,
    packs: Map<number, PackRecord>,
    resumed: readonly ResumedPack[],
  ) {
    this.#sources = { ...sources, onPart: (ref) => this.#wholeParts.add(placeOf(ref)) };
    this.#index = index;
    this.#packs = packs;
    this.#resumed = resumed;
    this.#parts = partsOf(index, packs);
    this.files = new PreviousFiles(index, packs, this.#sources);
  }

  /**
   * A pack that is gone, shorter than it was, damaged, or marked for removal counts as absent: its blocks are stored
   * again. A damaged previous index only costs time.
   */
  static async open(sources: Sources): Promise<Previous> {
    const unusable = new Set([...(await tombstonedPacks(sources.storage)), ...sources.damaged]);
    const resumed = await readResumedPacks(sources, unusable);
    const index = await previousIndex(sources);
    const packs = index === undefined ? new Map<number, PackRecord>() : await usablePacks(sources, index, unusable);
    const previous = new Previous(sources, index, packs, resumed);
    for (const { record } of resumed) packs.set(previous.nextPack, record);
    return previous;
  }

  /** The packs that may be named again. */
  get packs(): PackTable {
    return this.#packs;
  }

  /** A number that no pack has had. */
  get nextPack(): number {
    return [...(this.#index?.head.packs.keys() ?? []), ...this.#packs.keys()].reduce(
      (next, number) => Math.max(next, number + 1),
      0,
    );
  }

  /** Shared with the threads. */
  async blocks(): Promise<BlockTable> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** Nothing before `blocks` was asked for. `at` is the digest's offset. */
  find(digests: Uint8Array, at: number): BlockPlace | undefined {
    return this.#blocks?.find(digests, at);
  }

  /**
   * Where the previous index has a block of its own lines with this SHA-256 (hex). Undefined also where it lies there no
   * more as it was: it is read in this run before it is named again, for without it all of the new index would be lost.
   */
  async part(digest: string): Promise<BlockRef | undefined> {
    const ref = this.#parts.get(digest);
    if (ref === undefined || this.#index === undefined || this.#wholeParts.has(placeOf(ref))) return ref;
    try {
      await provePart([ref], this.#index, this.#sources);
      this.#wholeParts.add(placeOf(ref));
      return ref;
    } catch (error) {
      if (!isLifeboatError(error, 'ObjectMissing', 'ObjectCorrupt')) throw error;
      this.#parts.delete(digest);
      this.#sources.warn(`a part of the previous index cannot be used, it is stored again: ${error.message}`);
      return undefined;
    }
  }

  async #load(): Promise<BlockTable> {
    const resumedBlocks = this.#resumed.reduce((sum, { blocks }) => sum + blocks.length, 0);
    const table = new BlockTable((this.#index?.head.blocks ?? 0) + resumedBlocks, true);
    await this.#addIndexed(table);
    const numbers = new Map([...this.#packs].map(([number, { id }]) => [id, number]));
    for (const { record, blocks } of this.#resumed) {
      const pack = numbers.get(record.id);
      if (pack === undefined)
        throw new LifeboatError('Internal', `pack ${record.id} of an earlier attempt has no number`);
      for (const { digest, ...place } of blocks) table.insert(digest, 0, { ...place, pack });
    }
    this.#blocks = table;
    return table;
  }

  async #addIndexed(table: BlockTable): Promise<void> {
    if (this.#index === undefined) return;
    try {
      for await (const lines of readLines(this.#index, this.#sources)) {
        for (const line of lines) {
          const entry = parseEntry(line, this.#index.id);
          if (entry.type !== 'file') continue;
          for (const ref of entry.blocks) if (this.#packs.has(ref[0])) table.insertRef(ref);
        }
      }
    } catch (error) {
      warnOfDamage(this.#sources, error);
    }
  }
}

async function previousIndex(sources: Sources): Promise<Index | undefined> {
  const { storage, opener, previousIndexId } = sources;
  if (previousIndexId === undefined) return undefined;
  try {
    return await readIndexObject(storage, previousIndexId, opener);
  } catch (error) {
    warnOfDamage(sources, error);
    return undefined;
  }
}

async function usablePacks(
  { storage }: Sources,
  { head }: Index,
  unusable: ReadonlySet<string>,
): Promise<Map<number, PackRecord>> {
  const found = await Promise.all(
    [...head.packs].map(async ([number, record]) => {
      const isUsable = !unusable.has(record.id) && (await storage.stat(layout.pack(record.id)))?.size === record.size;
      return isUsable ? ([number, record] as const) : undefined;
    }),
  );
  return new Map(found.filter((pack) => pack !== undefined));
}

/** By the digests of their blocks. */
function partsOf(index: Index | undefined, packs: PackTable): Map<string, BlockRef> {
  const parts = new Map<string, BlockRef>();
  if (index === undefined) return parts;
  for (const line of index.lines)
    for (const ref of partOf(line, index.id) ?? []) if (packs.has(ref[0])) parts.set(ref[3], ref);
  return parts;
}

function placeOf([pack, offset]: BlockRef): string {
  return `${pack}:${offset}`;
}

async function tombstonedPacks(storage: Storage): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for await (const { key } of ownObjects(storage, layout.tombstone(layout.packs)))
    ids.add(key.slice(key.lastIndexOf('/') + 1));
  return ids;
}
