/** Decides where each sealed block lies: in an earlier pack, in this backup already, or in the pack being filled. */
import type { BlockRef } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { BlockTable } from '../block-table.ts';
import type { BlockPlace } from '../block-table.ts';
import type { PackRecord } from '../index-object.ts';
import { PackBuilder } from '../pack.ts';
import type { SealResult } from '../threads/jobs.ts';
import type { PackMemory } from '../threads/pack-memory.ts';
import type { Slab } from '../threads/slab.ts';
import type { PackSink } from './pack-sink.ts';
import type { Previous } from './previous.ts';

export class BlockStore {
  readonly #sink: PackSink;
  readonly #memory: PackMemory;
  readonly #previous: Previous;
  /** Places of blocks that this backup stored; their pack numbers are ours. */
  readonly #fresh = new BlockTable(1024);
  /** Our pack table. A pack under way has no record yet. */
  readonly #packs: (PackRecord | undefined)[] = [];
  /** Numbers of the packs that this backup wrote. */
  readonly #ours = new Set<number>();
  readonly #numberOfPrevious = new Map<number, number>();
  #pack: PackBuilder | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(sink: PackSink, previous: Previous, memory: PackMemory) {
    this.#memory = memory;
    this.#sink = sink;
    this.#previous = previous;
  }

  /** Copies new frames out of the slab; the references of each piece. One result after the other. */
  async absorb(slab: Slab, result: SealResult): Promise<BlockRef[][]> {
    const refs = this.#turn.then(() => this.#absorb(slab, result));
    this.#turn = refs.catch(() => undefined);
    return refs;
  }

  /** References of an unchanged file's entry, renumbered to our pack table. */
  reuse(blocks: readonly BlockRef[]): BlockRef[] {
    return blocks.map(([pack, offset, length, id, plainLength]) => [
      this.#previousPack(pack),
      offset,
      length,
      id,
      plainLength,
    ]);
  }

  /** Everything is durable and was read back. */
  async finish(): Promise<PackRecord[]> {
    await this.#turn;
    await this.#closePack();
    await this.#sink.finish();
    return this.#packs.map((record, number) => {
      if (record === undefined) throw new LifeboatError('Internal', `pack ${number} was never stored`);
      return record;
    });
  }

  /** Gives back the pack that was being filled. */
  async abandon(): Promise<void> {
    await this.#turn;
    if (this.#pack !== undefined) this.#memory.give(this.#sink, this.#pack.memory);
    this.#pack = undefined;
  }

  /** Whether a reference into a pack of this backup names the frame that was read back there. */
  isTrue([pack, offset, length, id]: BlockRef): boolean {
    const place = this.#fresh.find(Buffer.from(id, 'hex'), 0);
    if (place === undefined) return !this.#ours.has(pack) && pack < this.#packs.length;
    return place.pack === pack && place.offset === offset && place.length === length;
  }

  async #absorb(slab: Slab, result: SealResult): Promise<BlockRef[][]> {
    const all: BlockRef[][] = [];
    let block = 0;
    for (const piece of result.pieces) {
      const refs: BlockRef[] = [];
      for (const end = block + piece.blocks; block < end; block += 1) refs.push(await this.#place(slab, result, block));
      all.push(refs);
    }
    return all;
  }

  async #place(slab: Slab, { blocks, ids }: SealResult, block: number): Promise<BlockRef> {
    const id = ids.subarray(block * 32, block * 32 + 32);
    const [at = 0, frameBytes = 0, plainLength = 0] = blocks.subarray(block * 3, block * 3 + 3);
    const place =
      this.#placeInPrevious(id, 0) ??
      this.#fresh.find(id, 0) ??
      (await this.#store(slab.bytes.subarray(at, at + frameBytes), id, plainLength));
    return [place.pack, place.offset, place.length, Buffer.from(id).toString('hex'), plainLength];
  }

  async #store(frame: Buffer, id: Uint8Array, plainLength: number): Promise<BlockPlace> {
    if (frame.length === 0) throw new LifeboatError('Internal', 'a thread took a block for known that is not');
    if (this.#pack?.isFull === true) await this.#closePack();
    this.#pack ??= await this.#openPack();
    const place = {
      pack: this.#pack.number,
      offset: this.#pack.add(frame, id, plainLength),
      length: frame.length,
      plainLength,
    };
    this.#fresh.insert(id, 0, place);
    return place;
  }

  async #openPack(): Promise<PackBuilder> {
    const memory = await this.#memory.take(this.#sink);
    const number = this.#packs.push(undefined) - 1;
    this.#ours.add(number);
    return new PackBuilder(number, memory);
  }

  async #closePack(): Promise<void> {
    const pack = this.#pack;
    this.#pack = undefined;
    if (pack === undefined) return;
    await this.#sink.push(pack, (record) => {
      this.#packs[pack.number] = record;
    });
  }

  #placeInPrevious(id: Uint8Array, at: number): BlockPlace | undefined {
    const place = this.#previous.blocks.find(id, at);
    return place === undefined ? undefined : { ...place, pack: this.#previousPack(place.pack) };
  }

  #previousPack(number: number): number {
    const known = this.#numberOfPrevious.get(number);
    if (known !== undefined) return known;
    const record = this.#previous.packs[number];
    if (record === undefined)
      throw new LifeboatError('ManifestInvalid', `the previous index names pack ${number}, which is not in its table`);
    const ours = this.#packs.push(record) - 1;
    this.#numberOfPrevious.set(number, ours);
    return ours;
  }
}
