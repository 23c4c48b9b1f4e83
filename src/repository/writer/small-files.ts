/** Files that fit a slab travel to the threads together: a message per file would cost more than its work. */
import type { BlockRef } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { SharedIds } from '../block-table.ts';
import type { SealedPiece } from '../threads/jobs.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { slabFiles, slabPlainBytes } from '../threads/slab.ts';
import type { BlockStore } from './block-store.ts';
import { fromThreadError } from '../threads/thread-error.ts';

/** Bytes in memory that may wait for a thread before callers are held back. */
const queueLimitBytes = 2 * slabPlainBytes;

export interface SmallFile {
  readonly size: number;
  /** Its bytes, or the path to read them from. */
  readonly content: Uint8Array | { readonly path: string | Uint8Array };
}

export interface SealedFile extends SealedPiece {
  readonly refs: readonly BlockRef[];
  readonly sha256: string;
}

interface Waiting {
  readonly file: SmallFile;
  readonly done: (sealed: SealedFile) => void;
  readonly failed: (error: unknown) => void;
}

export class SmallFiles {
  readonly #pool: ThreadPool;
  readonly #store: BlockStore;
  readonly #known: SharedIds | undefined;
  readonly #blockSize: number;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #roomWaiters: (() => void)[] = [];
  #isPumping = false;

  constructor(
    pool: ThreadPool,
    store: BlockStore,
    options: { readonly known: SharedIds | undefined; readonly blockSize: number },
  ) {
    this.#pool = pool;
    this.#store = store;
    this.#known = options.known;
    this.#blockSize = options.blockSize;
  }

  /** Resolves when the file's blocks have their places. */
  async add(file: SmallFile): Promise<SealedFile> {
    return new Promise((done, failed) => {
      this.#queue.push({ file, done, failed });
      this.#queuedBytes += file.size;
      if (this.#isPumping) return;
      this.#isPumping = true;
      // Callers that add at the same moment share a message.
      setImmediate(() => void this.#pump());
    });
  }

  async room(): Promise<void> {
    while (this.#queuedBytes > queueLimitBytes) await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      const slab = await this.#pool.slabs.acquire();
      const batch = this.#takeBatch();
      void this.#run(batch, slab).finally(() => this.#pool.slabs.release(slab));
    }
    this.#isPumping = false;
  }

  #takeBatch(): Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const { file } of this.#queue) {
      if (count === slabFiles || bytes + file.size > slabPlainBytes) break;
      count += 1;
      bytes += file.size;
    }
    this.#queuedBytes -= bytes;
    for (const wake of this.#roomWaiters.splice(0)) wake();
    return this.#queue.splice(0, count);
  }

  async #run(batch: readonly Waiting[], slab: Awaited<ReturnType<ThreadPool['slabs']['acquire']>>): Promise<void> {
    try {
      let at = 0;
      const pieces = batch.map(({ file: { size, content } }) => {
        const piece = { at, size, blockSize: this.#blockSize, whole: true };
        at += size;
        if ('path' in content) return { ...piece, source: content };
        slab.bytes.set(content, piece.at);
        return piece;
      });
      const result = await this.#pool.run('seal', {
        slab: slab.shared,
        pieces,
        ...(this.#known !== undefined && { known: this.#known }),
      });
      const refs = await this.#store.absorb(slab, result);
      batch.forEach(({ done, failed }, index) => {
        const piece = result.pieces[index];
        if (piece?.error !== undefined) failed(fromThreadError(piece.error));
        else if (piece?.sha256 === undefined) failed(new LifeboatError('Internal', 'a thread forgot a file'));
        else done({ ...piece, sha256: piece.sha256, refs: refs[index] ?? [] });
      });
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
  }
}
