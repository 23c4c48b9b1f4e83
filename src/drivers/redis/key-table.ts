/** Keys of a snapshot with the digests of their values: 45 bytes a key, so that millions fit beside an engine. */
import { hash } from 'node:crypto';
import type { RdbKey } from './rdb-reader.ts';

/** `absent`: the table has no such key. */
export type Verdict = 'same' | 'value differs' | 'expiry differs' | 'absent';

/** 64 bits of a key's hash and 128 of its value's digest. */
const keyWords = 2;
const valueWords = 4;
const noExpiry = -1;

export class KeyTable {
  readonly #mask: number;
  readonly #keys: Uint32Array;
  readonly #values: Uint32Array;
  readonly #expiries: Float64Array;
  /** 0 free, 1 held, 2 met again. */
  readonly #states: Uint8Array;

  /** `count` is an upper bound of the keys. */
  constructor(count: number) {
    let slots = 16;
    while (slots < count * 1.5) slots *= 2;
    this.#mask = slots - 1;
    this.#keys = new Uint32Array(slots * keyWords);
    this.#values = new Uint32Array(slots * valueWords);
    this.#expiries = new Float64Array(slots);
    this.#states = new Uint8Array(slots);
  }

  add(key: RdbKey): void {
    const id = identify(key);
    const slot = this.#find(id);
    this.#states[slot] = 1;
    this.#keys.set(id, slot * keyWords);
    this.#values.set(valueOf(key), slot * valueWords);
    this.#expiries[slot] = key.expiresAtMs ?? noExpiry;
  }

  /** Compares with what was added, and remembers that the key was met. */
  meet(key: RdbKey): Verdict {
    const slot = this.#find(identify(key));
    if (this.#states[slot] === 0) return 'absent';
    this.#states[slot] = 2;
    const value = valueOf(key);
    for (let word = 0; word < valueWords; word++)
      if (this.#values[slot * valueWords + word] !== value[word]) return 'value differs';
    return this.#expiries[slot] === (key.expiresAtMs ?? noExpiry) ? 'same' : 'expiry differs';
  }

  wasMet(key: Pick<RdbKey, 'db' | 'key'>): boolean {
    return this.#states[this.#find(identify(key))] === 2;
  }

  #find(id: Uint32Array): number {
    let slot = id[0]! & this.#mask;
    while (
      this.#states[slot] !== 0 &&
      (this.#keys[slot * keyWords] !== id[0] || this.#keys[slot * keyWords + 1] !== id[1])
    )
      slot = (slot + 1) & this.#mask;
    return slot;
  }
}

function identify({ db, key }: Pick<RdbKey, 'db' | 'key'>): Uint32Array {
  return words(hash('sha256', Buffer.concat([Buffer.from(`${db} `), key]), 'buffer'), keyWords);
}

function valueOf({ digest }: RdbKey): Uint32Array {
  return words(digest, valueWords);
}

function words(bytes: Buffer, count: number): Uint32Array {
  const list = new Uint32Array(count);
  for (let word = 0; word < count; word++) list[word] = bytes.readUInt32LE(word * 4);
  return list;
}
