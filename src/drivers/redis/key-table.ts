/** Keys of a snapshot with the digests of their values: 45 bytes a key, so that millions fit beside an engine. */
import { hash } from 'node:crypto';
import type { RdbKey } from './rdb-reader.ts';

/** `absent`: the table has no such key. */
export type Verdict = 'same' | 'value differs' | 'expiry differs' | 'absent';

/** 64 bits of a key's digest and 128 of its value's. */
const keyWords = 2;
const valueWords = 4;
const noExpiry = -1;

export class KeyTable {
  readonly #mask: number;
  readonly #keys: Int32Array;
  readonly #values: Int32Array;
  readonly #expiries: Float64Array;
  /** 0 free, 1 held, 2 met again. */
  readonly #states: Uint8Array;

  /** `count` is an upper bound of the keys. */
  constructor(count: number) {
    let slots = 16;
    while (slots < count * 1.5) slots *= 2;
    this.#mask = slots - 1;
    this.#keys = new Int32Array(slots * keyWords);
    this.#values = new Int32Array(slots * valueWords);
    this.#expiries = new Float64Array(slots);
    this.#states = new Uint8Array(slots);
  }

  add(key: RdbKey): void {
    const slot = this.#slotOf(key);
    this.#states[slot] = 1;
    for (let word = 0; word < valueWords; word++) this.#values[slot * valueWords + word] = wordOf(key.digest, word);
    this.#expiries[slot] = key.expiresAtMs ?? noExpiry;
  }

  /** Compares with what was added, and remembers that the key was met. */
  meet(key: RdbKey): Verdict {
    const slot = this.#slotOf(key);
    if (this.#states[slot] === 0) return 'absent';
    this.#states[slot] = 2;
    for (let word = 0; word < valueWords; word++)
      if (this.#values[slot * valueWords + word] !== wordOf(key.digest, word)) return 'value differs';
    return this.#expiries[slot] === (key.expiresAtMs ?? noExpiry) ? 'same' : 'expiry differs';
  }

  wasMet(key: Pick<RdbKey, 'db' | 'key'>): boolean {
    return this.#states[this.#slotOf(key)] === 2;
  }

  /** Where it stands, or the free place where it would, which then has its digest. */
  #slotOf({ db, key }: Pick<RdbKey, 'db' | 'key'>): number {
    const digest = hash('sha256', key, 'binary');
    const first = wordOf(digest, 0);
    const second = wordOf(digest, 1) ^ db;
    let slot = first & this.#mask;
    while (
      this.#states[slot] !== 0 &&
      (this.#keys[slot * keyWords] !== first || this.#keys[slot * keyWords + 1] !== second)
    )
      slot = (slot + 1) & this.#mask;
    this.#keys[slot * keyWords] = first;
    this.#keys[slot * keyWords + 1] = second;
    return slot;
  }
}

/** 32 bits of a digest whose bytes stand as characters. */
function wordOf(digest: string, word: number): number {
  const at = word * 4;
  return (
    digest.charCodeAt(at) |
    (digest.charCodeAt(at + 1) << 8) |
    (digest.charCodeAt(at + 2) << 16) |
    (digest.charCodeAt(at + 3) << 24)
  );
}
