/**
 * Memory for packs that are being filled and stored: shared with the threads, at page boundaries so that a disk can be
 * written without the page cache, and used again and again.
 */
import { collectGarbage } from '../collect-garbage.ts';

/** The part of the platform's API that is used; Node's types do not have it. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number; readonly shared: true }) => {
    readonly buffer: SharedArrayBuffer;
    grow(pages: number): number;
  };
};

const pageBytes = 65_536;
/** Address space that is reserved, not memory that is taken. */
const reservedPages = (1024 * 1024 * 1024) / pageBytes;
/** Packs in memory over all writers, beyond which only a writer without any gets one: 3 of 20 MiB. */
const packsAtOnce = 3;
/** A backup that still runs takes its next pack sooner; a restore or a worker that waits needs none. */
const keptForMs = 1000;

type Memory = Buffer<SharedArrayBuffer>;

export class PackMemory {
  readonly #pages: number;
  readonly #spare: Memory[] = [];
  readonly #waiting: { readonly owner: object; readonly resolve: (memory: Memory) => void }[] = [];
  /** How many each writer holds. */
  readonly #held = new Map<object, number>();
  #reserve: InstanceType<typeof WebAssembly.Memory> | undefined;
  #reservedPagesLeft = reservedPages;
  #out = 0;
  #resting: NodeJS.Timeout | undefined;

  constructor(size: number) {
    this.#pages = Math.ceil(size / pageBytes);
  }

  /**
   * A writer that holds no pack gets memory at once: while it waits it keeps slabs, without which the others do not fill
   * their packs. One that still has a pack on its way may wait, at the longest until its own comes back.
   */
  async take(owner: object): Promise<Memory> {
    if (this.#heldBy(owner) > 0 && this.#out >= packsAtOnce)
      return new Promise((resolve) => this.#waiting.push({ owner, resolve }));
    return this.#hand(owner, this.#spare.pop() ?? this.#make());
  }

  give(owner: object, memory: Memory): void {
    this.#out -= 1;
    const held = this.#heldBy(owner) - 1;
    if (held === 0) this.#held.delete(owner);
    else this.#held.set(owner, held);
    const next = this.#waiting.findIndex((waiter) => this.#out < packsAtOnce || this.#heldBy(waiter.owner) === 0);
    const [waiter] = next === -1 ? [] : this.#waiting.splice(next, 1);
    if (waiter === undefined) this.#spare.push(memory);
    else waiter.resolve(this.#hand(waiter.owner, memory));
    if (this.#out === 0) this.#resting = setTimeout(() => this.#forget(), keptForMs).unref();
  }

  /** Nobody packs any more. The reserve cannot shrink: it goes as a whole, and the next writer makes another. */
  #forget(): void {
    this.#spare.length = 0;
    this.#reserve = undefined;
    this.#reservedPagesLeft = reservedPages;
    collectGarbage();
  }

  #hand(owner: object, memory: Memory): Memory {
    clearTimeout(this.#resting);
    this.#out += 1;
    this.#held.set(owner, this.#heldBy(owner) + 1);
    return memory;
  }

  #heldBy(owner: object): number {
    return this.#held.get(owner) ?? 0;
  }

  /** Only this kind of memory is promised to begin at a page. */
  #make(): Memory {
    const bytes = this.#pages * pageBytes;
    if (this.#reservedPagesLeft < this.#pages) return Buffer.from(new SharedArrayBuffer(bytes));
    this.#reservedPagesLeft -= this.#pages;
    this.#reserve ??= new WebAssembly.Memory({ initial: 0, maximum: reservedPages, shared: true });
    const begin = this.#reserve.grow(this.#pages) * pageBytes;
    return Buffer.from(this.#reserve.buffer, begin, bytes);
  }
}
