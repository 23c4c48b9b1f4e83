/** A file that does not fit a slab: its chunks are sealed on any thread; the SHA-256 of all of it, where it is asked for, runs in order on one. */
import type { BlockRef } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { SealPiece, SealResult } from '../threads/jobs.ts';
import type { ThreadPool } from '../threads/pool.ts';
import type { Thread } from '../../threads/threads.ts';
import { slabPlainBytes } from '../threads/slab.ts';
import type { Slab } from '../threads/slab.ts';
import type { BlockStore } from './block-store.ts';
import { fromThreadError } from '../../threads/thread-error.ts';

let nextStream = 1;

/** A number for the hash of one file, unique in the process. */
export function newHashStream(): number {
  nextStream += 1;
  return nextStream;
}

export interface SealedLargeFile {
  readonly size: number;
  readonly sha256?: string;
  readonly refs: readonly BlockRef[];
}

export interface Chunk {
  readonly size: number;
  /** Absent: the bytes stand in the slab. */
  readonly source?: { readonly fd: number; readonly position: number };
}

export interface LargeFileOptions {
  readonly blockSize: number;
  /** Ask for the SHA-256 of the whole. */
  readonly digest: boolean;
}

export class LargeFile {
  readonly chunkBytes: number;
  readonly #pool: ThreadPool;
  readonly #store: BlockStore;
  readonly #options: LargeFileOptions;
  readonly #stream = newHashStream();
  readonly #thread: Thread;
  readonly #chunks: Promise<{ readonly size: number; readonly refs: readonly BlockRef[] }>[] = [];
  #hashed: Promise<unknown> = Promise.resolve();

  constructor(pool: ThreadPool, store: BlockStore, options: LargeFileOptions) {
    this.#pool = pool;
    this.#store = store;
    this.#options = options;
    this.#thread = pool.leastBusy();
    this.chunkBytes = Math.floor(slabPlainBytes / options.blockSize) * options.blockSize;
  }

  /** Memory for the next chunk, to be filled from its begin and given to `push` or `drop`. Waits for a free slab. */
  async room(): Promise<Slab> {
    return this.#pool.slabs.acquire();
  }

  /** The next chunk, `chunkBytes` or the rest, in memory of `room`; or where to read it. */
  push(slab: Slab, content: Chunk): void {
    const chunk = this.#run(slab, content);
    // The error is thrown by `finish`; until then nobody listens.
    chunk.catch(() => undefined);
    this.#chunks.push(chunk);
  }

  drop(slab: Slab): void {
    this.#pool.slabs.release(slab);
  }

  async finish(): Promise<SealedLargeFile> {
    const chunks = await Promise.all(this.#chunks);
    const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
    const refs = chunks.flatMap((chunk) => chunk.refs);
    if (!this.#options.digest) return { size, refs };
    const { sha256 } = await this.#pool.run(
      'hash',
      { stream: this.#stream, length: 0, next: 'end' },
      { thread: this.#thread },
    );
    if (sha256 === undefined) throw new LifeboatError('Internal', 'a thread lost the hash of a file');
    return { size, sha256, refs };
  }

  async abandon(): Promise<void> {
    await Promise.allSettled(this.#chunks);
    if (!this.#options.digest) return;
    const drop = { stream: this.#stream, length: 0, next: 'drop' } as const;
    // With a thread that died the hash is gone as well.
    await this.#pool.run('hash', drop, { thread: this.#thread }).catch(() => undefined);
  }

  async #run(slab: Slab, { size, source }: Chunk): Promise<{ size: number; refs: readonly BlockRef[] }> {
    try {
      const piece = {
        at: 0,
        size,
        blockSize: this.#options.blockSize,
        digest: false,
        sharesFrames: false,
        ...(source !== undefined && { source }),
      };
      const sealing = this.#seal(slab, piece);
      const hashing = this.#options.digest ? this.#hashInTurn(slab, sealing) : Promise.resolve();
      hashing.catch(() => undefined);
      const result = await sealing;
      const [sealed] = result.pieces;
      if (sealed?.error !== undefined) throw fromThreadError(sealed.error);
      const [refs = []] = await this.#store.absorb(
        slab,
        result,
        result.pieces.map(({ blocks }) => blocks),
      );
      await hashing;
      return { size: sealed?.size ?? 0, refs };
    } finally {
      this.#pool.slabs.release(slab);
    }
  }

  async #seal(slab: Slab, piece: SealPiece): Promise<SealResult> {
    const known = await this.#store.known();
    return this.#pool.run('seal', { slab: slab.shared, pieces: [piece], known });
  }

  /** Posts the slab to the hashing thread after all chunks before it were posted, and once its bytes are there. */
  async #hashInTurn(
    slab: Slab,
    sealing: Promise<{ readonly pieces: readonly { readonly size: number }[] }>,
  ): Promise<void> {
    const before = this.#hashed;
    const posted = (async () => {
      const { pieces } = await sealing;
      await before;
      return {
        done: this.#pool.run(
          'hash',
          { stream: this.#stream, slab: slab.shared, length: pieces[0]?.size ?? 0, next: 'more' },
          { thread: this.#thread },
        ),
      };
    })();
    this.#hashed = posted.catch(() => undefined);
    await (
      await posted
    ).done;
  }
}
