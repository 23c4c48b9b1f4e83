/**
 * A slab is the shared memory of one job: plaintext in front, sealed frames behind. A thread works on it while
 * the main thread waits; nothing is copied between them.
 */
import { frameOverhead } from '../frame.ts';

/** Plaintext of one job: larger files are cut, smaller ones travel together. */
export const slabPlainBytes = 4 * 1024 * 1024;
/** Blocks of one job at most; it bounds what frames add. */
export const slabBlocks = 2048;
/** The smallest block size that fits these bounds. */
export const minBlockSize = slabPlainBytes / (slabBlocks / 2);
/** Files of one job at most. */
export const slabFiles = slabBlocks / 2;

/** All of it. */
export const slabBytes = slabPlainBytes * 2 + slabBlocks * frameOverhead;

export interface Slab {
  readonly shared: SharedArrayBuffer;
  /** A Buffer, because its copies are twice as fast as those of a typed array over shared memory. */
  readonly bytes: Buffer<SharedArrayBuffer>;
}

/** Hands out a fixed number of slabs; who finds none waits. They bound the memory and the length of the threads' queues. */
export class SlabPool {
  readonly #free: Slab[] = [];
  readonly #waiting: ((slab: Slab) => void)[] = [];
  #unmade: number;

  constructor(count: number) {
    this.#unmade = count;
  }

  get hasFree(): boolean {
    return this.#free.length + this.#unmade > 0;
  }

  async acquire(): Promise<Slab> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#unmade > 0) {
      this.#unmade -= 1;
      const shared = new SharedArrayBuffer(slabBytes);
      return { shared, bytes: Buffer.from(shared) };
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(slab: Slab): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slab);
    else next(slab);
  }
}
