/**
 * Memory for packs that are being filled and stored: shared with the threads, at page boundaries so that a disk can be
 * written without the page cache, and used again and again.
 */

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
/** Packs in memory over all writers, beyond which only a writer without any gets one: 6 of 20 MiB. */
const packsAtOnce = 6;

export class PackMemory {
  readonly #pages: number;
  readonly #spare: Buffer<SharedArrayBuffer>[] = [];
  readonly #waiting: ((memory: Buffer<SharedArrayBuffer>) => void)[] = [];
  #reserve: InstanceType<typeof WebAssembly.Memory> | undefined;
  #reservedPagesLeft = reservedPages;
  #out = 0;

  constructor(size: number) {
    this.#pages = Math.ceil(size / pageBytes);
  }

  /**
   * A writer that holds no pack gets memory at once: it may hold slabs that others wait for. One that still has a pack
   * on its way waits until one comes back.
   */
  async take(hasOther: boolean): Promise<Buffer<SharedArrayBuffer>> {
    if (hasOther && this.#out >= packsAtOnce) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#out += 1;
    return this.#spare.pop() ?? this.#make();
  }

  give(memory: Buffer<SharedArrayBuffer>): void {
    if (this.#out <= packsAtOnce) {
      const next = this.#waiting.shift();
      if (next !== undefined) return next(memory);
    }
    this.#out -= 1;
    this.#spare.push(memory);
  }

  /** Only this kind of memory is promised to begin at a page. */
  #make(): Buffer<SharedArrayBuffer> {
    const bytes = this.#pages * pageBytes;
    if (this.#reservedPagesLeft < this.#pages) return Buffer.from(new SharedArrayBuffer(bytes));
    this.#reservedPagesLeft -= this.#pages;
    this.#reserve ??= new WebAssembly.Memory({ initial: 0, maximum: reservedPages, shared: true });
    const begin = this.#reserve.grow(this.#pages) * pageBytes;
    return Buffer.from(this.#reserve.buffer, begin, bytes);
  }
}
