/**
 * What was read of documents, by the version of their object: what many acts ask for is read and authenticated once. A
 * worker lives for months, so the oldest go.
 */
import type { ObjectInfo } from '../storage/storage.ts';

const maxKept = 20_000;

interface Kept {
  readonly version: string;
  readonly value: Promise<unknown>;
  /** By our own steady clock. */
  readonly since: number;
}

export class DocumentCache {
  readonly #known = new Map<string, Kept>();
  readonly #keptMs: number;

  /** `keptMs`: how long a reading counts, for who wants to notice what rots under an old version. */
  constructor(keptMs = Infinity) {
    this.#keptMs = keptMs;
  }

  /** Who asks while it is being read waits for the same reading. A failure is not kept. */
  async read<T>({ key, version }: ObjectInfo, read: () => Promise<T>): Promise<T> {
    const known = this.#known.get(key);
    const now = performance.now();
    // Of a place that knows no versions nothing is known.
    if (known?.version === version && version !== '' && now - known.since < this.#keptMs)
      return known.value as Promise<T>;
    const entry = { version, value: read(), since: now };
    this.#known.delete(key);
    this.#known.set(key, entry);
    const [oldest] = this.#known.keys();
    if (this.#known.size > maxKept && oldest !== undefined) this.#known.delete(oldest);
    entry.value.catch(() => {
      if (this.#known.get(key) === entry) this.#known.delete(key);
    });
    return entry.value;
  }
}
