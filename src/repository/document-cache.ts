/**
 * Documents that were read and authenticated, by the version of their object: what many acts ask for is read once. A worker
 * lives for months, so the oldest go.
 */
import type { ObjectInfo } from '../storage/storage.ts';

const mostKept = 20_000;

export class DocumentCache {
  readonly #known = new Map<string, { readonly version: string; readonly value: Promise<unknown> }>();

  /** Who asks while it is being read waits for the same reading. A failure is not kept. */
  async read<T>({ key, version }: ObjectInfo, read: () => Promise<T>): Promise<T> {
    const known = this.#known.get(key);
    // A place that knows no versions keeps nothing.
    if (known !== undefined && version !== '' && known.version === version) return known.value as Promise<T>;
    const entry = { version, value: read() };
    this.#known.delete(key);
    this.#known.set(key, entry);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKept && oldest !== undefined) this.#known.delete(oldest);
    entry.value.catch(() => {
      if (this.#known.get(key) === entry) this.#known.delete(key);
    });
    return entry.value;
  }
}
