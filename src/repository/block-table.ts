/**
 * Digests of stored blocks and where they lie, in flat buffers: 32 + 20 bytes a block and 8 bytes of slots, instead of the
 * hundreds of a Map. The main thread fills a table, threads look into one made with `shared` meanwhile: a slot is written
 * after what it leads to.
 */
import type { BlockRef } from '../domain/entry.ts';

export interface BlockPlace {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly plainLength: number;
  /** Where it begins in the plaintext of a frame that it shares; 0: it has the frame to itself. */
  readonly within: number;
}

/** What threads need to look ids up. */
export interface SharedIds {
  readonly slots: SharedArrayBuffer;
  readonly ids: SharedArrayBuffer;
}

const idBytes = 32;
const placeNumbers = 5;

export class BlockTable {
  #slots: Int32Array;
  #ids: Uint8Array;
  #places: Uint32Array;
  #count = 0;
  readonly #shared: boolean;

  constructor(capacity: number, shared = false) {
    this.#shared = shared;
    const room = Math.max(capacity, 64);
    this.#slots = new Int32Array(this.#buffer(slotCount(room) * 4));
    this.#ids = new Uint8Array(this.#buffer(room * idBytes));
    this.#places = new Uint32Array(room * placeNumbers);
  }

  get count(): number {
    return this.#count;
  }

  /** Undefined unless the table was made to be shared. */
  get sharedIds(): SharedIds | undefined {
    const slots = this.#slots.buffer;
    const ids = this.#ids.buffer;
    return slots instanceof SharedArrayBuffer && ids instanceof SharedArrayBuffer ? { slots, ids } : undefined;
  }

  /** `at` is the id's offset in `ids`. */
  find(ids: Uint8Array, at: number): BlockPlace | undefined {
    const entry = findId(this.#slots, this.#ids, ids, at);
    return entry < 0 ? undefined : this.#placeOf(entry);
  }

  /** The first place of an id stays: later ones are the same content. */
  insert(ids: Uint8Array, at: number, place: BlockPlace): void {
    if (this.#count * idBytes === this.#ids.length) this.#grow();
    const slot = slotOf(this.#slots, this.#ids, ids, at);
    if (this.#slots[slot] !== 0) return;
    this.#ids.set(ids.subarray(at, at + idBytes), this.#count * idBytes);
    const { pack, offset, length, plainLength, within } = place;
    this.#places.set([pack, offset, length, plainLength, within], this.#count * placeNumbers);
    this.#count += 1;
    Atomics.store(this.#slots, slot, this.#count);
  }

  /** As an index names the block. */
  insertRef([pack, offset, length, digest, plainLength, within = 0]: BlockRef): void {
    this.insert(Buffer.from(digest, 'hex'), 0, { pack, offset, length, plainLength, within });
  }

  #placeOf(entry: number): BlockPlace {
    const [pack = 0, offset = 0, length = 0, plainLength = 0, within = 0] = this.#places.subarray(
      entry * placeNumbers,
      (entry + 1) * placeNumbers,
    );
    return { pack, offset, length, plainLength, within };
  }

  #grow(): void {
    const room = (this.#ids.length / idBytes) * 2;
    const ids = new Uint8Array(this.#buffer(room * idBytes));
    ids.set(this.#ids);
    const places = new Uint32Array(room * placeNumbers);
    places.set(this.#places);
    const slots = new Int32Array(this.#buffer(slotCount(room) * 4));
    for (let entry = 0; entry < this.#count; entry += 1) slots[slotOf(slots, ids, ids, entry * idBytes)] = entry + 1;
    this.#ids = ids;
    this.#places = places;
    this.#slots = slots;
  }

  #buffer(bytes: number): ArrayBuffer | SharedArrayBuffer {
    return this.#shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  }
}

/** For threads: what is in a shared table. */
export class IdLookup {
  readonly #slots: Int32Array;
  readonly #ids: Uint8Array;

  constructor({ slots, ids }: SharedIds) {
    this.#slots = new Int32Array(slots);
    this.#ids = new Uint8Array(ids);
  }

  has(id: Uint8Array): boolean {
    return findId(this.#slots, this.#ids, id, 0) >= 0;
  }
}

function findId(slots: Int32Array, table: Uint8Array, ids: Uint8Array, at: number): number {
  return (slots[slotOf(slots, table, ids, at)] ?? 0) - 1;
}

/** The slot that holds the id, or the empty one where it belongs. */
function slotOf(slots: Int32Array, table: Uint8Array, ids: Uint8Array, at: number): number {
  const mask = slots.length - 1;
  // Ids are hashes: their first bytes are as good as any other.
  let slot = new DataView(ids.buffer, ids.byteOffset + at, 4).getUint32(0) & mask;
  for (;;) {
    const entry = Atomics.load(slots, slot);
    if (entry === 0 || isSame(table, (entry - 1) * idBytes, ids, at)) return slot;
    slot = (slot + 1) & mask;
  }
}

function isSame(a: Uint8Array, atA: number, b: Uint8Array, atB: number): boolean {
  for (let byte = 0; byte < idBytes; byte += 1) if (a[atA + byte] !== b[atB + byte]) return false;
  return true;
}

/** A power of two, at most half full. */
function slotCount(capacity: number): number {
  return 2 ** Math.ceil(Math.log2(capacity * 2));
}
