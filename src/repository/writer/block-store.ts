/** Decides where each sealed block lies: in an earlier pack, in this backup already, or in the pack being filled. */
import type { BlockRef } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { BlockTable, type SharedIds } from '../block-table.ts';
import type { BlockPlace } from '../block-table.ts';
import { PackBuilder } from '../pack.ts';
import type { SealedBlocksResult } from '../threads/jobs.ts';
import type { PackMemory } from '../threads/pack-memory.ts';
import type { Slab } from '../threads/slab.ts';
import type { PackSink } from './pack-sink.ts';
import type { Previous } from './previous.ts';
import type { PackRecord, PackTable } from '../index-head.ts';

/** A frame of a result that was stored: in which pack, and where. */
type StoredFrame = Pick<BlockPlace, 'pack' | 'offset' | 'length'>;

export class BlockStore {
  readonly #sink: PackSink;
  readonly #memory: PackMemory;
  readonly #previous: Previous;
  /** Places of blocks that this backup stored. */
  readonly #fresh = new BlockTable(1024, true);
  /** Packs that this backup wrote, by number. One under way has no record yet. */
  readonly #ours = new Map<number, PackRecord | undefined>();
  /** Numbers of the packs that something of this backup lies in. */
  readonly #used = new Set<number>();
  #next: number;
  #pack: PackBuilder | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(sink: PackSink, previous: Previous, memory: PackMemory) {
    this.#memory = memory;
    this.#sink = sink;
    this.#previous = previous;
    this.#next = previous.nextPack;
  }

  /** What need not be sealed any more. */
  async known(): Promise<SharedIds[]> {
    return [(await this.#previous.blocks()).sharedIds, this.#fresh.sharedIds].filter((ids) => ids !== undefined);
  }

  /**
   * Copies new frames out of the slab; the references of so many blocks each. One result after the other. `expected` is
   * looked into first.
   */
  async absorb(
    slab: Slab,
    result: SealedBlocksResult,
    counts: Iterable<number>,
    expected?: BlockTable,
  ): Promise<BlockRef[][]> {
    const refs = this.#turn.then(() => this.#absorb(slab, result, { counts, expected }));
    this.#turn = refs.catch(() => undefined);
    return refs;
  }

  /** Packs of references that are taken over as they are. */
  use(refs: readonly BlockRef[]): void {
    for (const [pack] of refs) this.#used.add(pack);
  }

  /** Everything is durable and was read back: the packs that this backup needs. */
  async finish(): Promise<PackTable> {
    await this.#turn;
    await this.#closePack();
    await this.#sink.finish();
    return new Map(
      [...this.#used]
        .sort((a, b) => a - b)
        .map((number) => {
          const record = this.#ours.get(number) ?? this.#previous.packs.get(number);
          if (record === undefined) throw new LifeboatError('Internal', `pack ${number} was never stored`);
          return [number, record];
        }),
    );
  }

  /** Gives back the pack that was being filled. */
  async abandon(): Promise<void> {
    await this.#turn;
    if (this.#pack !== undefined) this.#memory.give(this.#sink, this.#pack.memory);
    this.#pack = undefined;
  }

  async #absorb(
    slab: Slab,
    result: SealedBlocksResult,
    { counts, expected }: { readonly counts: Iterable<number>; readonly expected: BlockTable | undefined },
  ): Promise<BlockRef[][]> {
    const all: BlockRef[][] = [];
    const stored: (StoredFrame | undefined)[] = [];
    let block = 0;
    for (const count of counts) {
      const refs: BlockRef[] = [];
      for (const end = block + count; block < end; block += 1) {
        let place = expected?.find(result.digests, block * 32);
        // The thread did not look there: what is not expected may have been stored before all the same.
        if (place === undefined && expected !== undefined) await this.#previous.blocks();
        place ??= this.#find(result.digests, block * 32) ?? (await this.#store(slab, result, { block, stored }));
        this.#used.add(place.pack);
        refs.push(refOf(place, result.digests, block));
      }
      all.push(refs);
    }
    return all;
  }

  #find(digests: Uint8Array, at: number): BlockPlace | undefined {
    return this.#previous.find(digests, at) ?? this.#fresh.find(digests, at);
  }

  /** Stores the block's frame, unless that was done for another block in it. */
  async #store(
    slab: Slab,
    { blocks, digests, frames, frameDigests }: SealedBlocksResult,
    { block, stored }: { readonly block: number; readonly stored: (StoredFrame | undefined)[] },
  ): Promise<BlockPlace> {
    const [number = 0, within = 0, plainLength = 0] = blocks.subarray(block * 3, block * 3 + 3);
    if (number === 0) throw new LifeboatError('Internal', 'a thread took a block for known that is not');
    const frame = number - 1;
    let at = stored[frame];
    if (at === undefined) {
      if (this.#pack?.isFull === true) await this.#closePack();
      this.#pack ??= await this.#openPack();
      const [from = 0, length = 0, framePlain = 0, isBundle] = frames.subarray(frame * 4, frame * 4 + 4);
      const offset = this.#pack.add({
        bytes: slab.bytes.subarray(from, from + length),
        digest: frameDigests.subarray(frame * 32, frame * 32 + 32),
        plainLength: framePlain,
        isBundle: isBundle === 1,
      });
      at = { pack: this.#pack.number, offset, length };
      stored[frame] = at;
    }
    const place = { ...at, plainLength, within };
    this.#fresh.insert(digests, block * 32, place);
    return place;
  }

  async #openPack(): Promise<PackBuilder> {
    const memory = await this.#memory.take(this.#sink);
    const number = this.#next;
    this.#next += 1;
    this.#ours.set(number, undefined);
    return new PackBuilder(number, memory);
  }

  async #closePack(): Promise<void> {
    const pack = this.#pack;
    this.#pack = undefined;
    if (pack === undefined) return;
    await this.#sink.push(pack, (record) => this.#ours.set(pack.number, record));
  }
}

/** A table of blocks that are stored already. */
export function blockTableOf(refs: readonly BlockRef[]): BlockTable {
  const table = new BlockTable(refs.length, true);
  for (const ref of refs) table.insertRef(ref);
  return table;
}

function refOf(
  { pack, offset, length, plainLength, within }: BlockPlace,
  digests: Uint8Array,
  block: number,
): BlockRef {
  const digest = Buffer.from(digests.buffer, digests.byteOffset + block * 32, 32).toString('hex');
  return within === 0
    ? [pack, offset, length, digest, plainLength]
    : [pack, offset, length, digest, plainLength, within];
}
