/** Files that fit a slab travel to the threads together: a message per file would cost more than its work. */
import type { BlockRef } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { ListedFile, SealPiece, SealedPiece } from '../threads/jobs.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { slabFiles, slabPlainBytes } from '../threads/slab.ts';
import type { Slab } from '../threads/slab.ts';
import { fromThreadError } from '../../threads/thread-error.ts';
import { blockTableOf, type BlockStore } from './block-store.ts';

/** Bytes in memory that may wait for a thread before callers are held back. */
const queueLimitBytes = 2 * slabPlainBytes;

export interface SmallFile {
  readonly size: number;
  /** Its bytes, or the path to read them from. */
  readonly content: Uint8Array | { readonly path: string | Uint8Array };
  readonly blockSize: number;
  /** Ask for the SHA-256 of the whole where it has several blocks. */
  readonly digest: boolean;
  /** Its block may share a frame with those of others, and is looked for in what earlier backups stored. */
  readonly isData: boolean;
}

export interface SealedFile extends SealedPiece {
  readonly refs: readonly BlockRef[];
}

interface Waiting {
  readonly file: SmallFile;
  readonly done: (sealed: SealedFile) => void;
  readonly failed: (error: unknown) => void;
}

export class SmallFiles {
  readonly #pool: ThreadPool;
  readonly #store: BlockStore;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #roomWaiters: (() => void)[] = [];
  #isPumping = false;
  #running = 0;
  #pumpWaiter: (() => void) | undefined;

  constructor(pool: ThreadPool, store: BlockStore) {
    this.#pool = pool;
    this.#store = store;
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

  /**
   * The same of files that fit a slab together, read as they were listed; undefined for one that was not. `expected` are
   * their blocks where the files are expected to be what they were: then only of others all that is stored is looked up.
   */
  async readListed(
    files: readonly ListedFile[],
    blockSize: number,
    expected?: readonly BlockRef[],
  ): Promise<(readonly BlockRef[] | undefined)[]> {
    const slab = await this.#pool.slabs.acquire();
    try {
      const own = expected && blockTableOf(expected);
      const known = own === undefined ? await this.#store.known() : [own.sharedIds].filter((ids) => ids !== undefined);
      const job = { slab: slab.shared, known, blockSize, files: JSON.stringify(files) };
      const result = await this.#pool.run('sealListed', job);
      const refs: (readonly BlockRef[] | undefined)[] = await this.#store.absorb(slab, result, result.counts, own);
      for (const number of result.others) refs[number] = undefined;
      return refs;
    } finally {
      this.#pool.slabs.release(slab);
    }
  }

  async room(): Promise<void> {
    while (this.#queuedBytes > queueLimitBytes) await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
  }

  /** While all threads have work, what comes gathers for the next message. */
  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      while (this.#running >= this.#pool.size) await new Promise<void>((resolve) => (this.#pumpWaiter = resolve));
      const slab = await this.#pool.slabs.acquire();
      const batch = this.#takeBatch();
      this.#running += 1;
      void this.#run(batch, slab).finally(() => this.#ended(slab));
    }
    this.#isPumping = false;
  }

  #ended(slab: Slab): void {
    this.#pool.slabs.release(slab);
    this.#running -= 1;
    this.#pumpWaiter?.();
    this.#pumpWaiter = undefined;
  }

  /** All of one kind: what is data, or what is not. */
  #takeBatch(): Waiting[] {
    const isData = this.#queue[0]?.file.isData;
    let count = 0;
    let blocks = 0;
    let bytes = 0;
    for (const { file } of this.#queue) {
      blocks += Math.ceil(file.size / file.blockSize);
      const isFull = count === slabFiles || blocks > slabFiles || bytes + file.size > slabPlainBytes;
      if (file.isData !== isData || (isFull && count > 0)) break;
      count += 1;
      bytes += file.size;
    }
    this.#queuedBytes -= bytes;
    for (const wake of this.#roomWaiters.splice(0)) wake();
    return this.#queue.splice(0, count);
  }

  async #run(batch: readonly Waiting[], slab: Slab): Promise<void> {
    try {
      let at = 0;
      const pieces = batch.map(({ file: { size, content, blockSize, digest, isData } }): SealPiece => {
        const piece = { at, size, blockSize, digest, sharesFrames: isData };
        at += size;
        if ('path' in content) return { ...piece, source: content };
        slab.bytes.set(content, piece.at);
        return piece;
      });
      const known = batch[0]?.file.isData === true ? await this.#store.known() : [];
      const result = await this.#pool.run('seal', { slab: slab.shared, pieces, known });
      const refs = await this.#store.absorb(
        slab,
        result,
        result.pieces.map(({ blocks }) => blocks),
      );
      batch.forEach(({ done, failed }, index) => {
        const piece = result.pieces[index];
        if (piece?.error !== undefined) failed(fromThreadError(piece.error));
        else if (piece === undefined) failed(new LifeboatError('Internal', 'a thread forgot a file'));
        else done({ ...piece, refs: refs[index] ?? [] });
      });
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
  }
}
