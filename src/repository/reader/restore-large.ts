/**
 * Restores one large file: chunks on any thread, durable before it is closed. Its content is proven block by block: each
 * has the digest that the authenticated index names at this place, so a second hash of the whole would prove nothing more.
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { BlockRef, FileEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import type { FileMeta } from '../threads/jobs.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { createFlags, finishFile, restoreError } from '../threads/restore-job.ts';
import { slabBytes, slabPlainBytes } from '../threads/slab.ts';
import type { Slab } from '../threads/slab.ts';
import { planReads, readRangesInto } from './ranges.ts';
import type { PackTable } from '../index-head.ts';

interface From {
  readonly storage: Storage;
  readonly pool: ThreadPool;
  readonly packs: PackTable;
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Begins all chunks, waiting for slabs, and returns the promise of the end: the next file may begin meanwhile. */
export async function restoreLargeFile(
  entry: FileEntry,
  path: Buffer,
  meta: FileMeta,
  from: From,
): Promise<{ readonly done: Promise<void> }> {
  const handle = await open(path, createFlags, 0o600).catch((error: unknown) => {
    throw restoreError(error, entry.path);
  });
  const file = new LargeRestore(entry, handle, from);
  try {
    await file.begin();
  } catch (error) {
    await file.abandon();
    throw error;
  }
  return { done: file.finish(meta) };
}

class LargeRestore {
  readonly #entry: FileEntry;
  readonly #handle: FileHandle;
  readonly #from: From;
  readonly #chunks: Promise<void>[] = [];

  constructor(entry: FileEntry, handle: FileHandle, from: From) {
    this.#entry = entry;
    this.#handle = handle;
    this.#from = from;
  }

  async begin(): Promise<void> {
    const { blocks, size, path } = this.#entry;
    let position = 0;
    for (const refs of chunksOf(blocks)) {
      this.#from.signal?.throwIfAborted();
      const slab = await this.#from.pool.slabs.acquire();
      const chunk = this.#run(refs, position, slab).finally(() => this.#from.pool.slabs.release(slab));
      chunk.catch(() => undefined);
      this.#chunks.push(chunk);
      position += refs.reduce((sum, [, , , , plainLength]) => sum + plainLength, 0);
    }
    if (position !== size)
      throw new LifeboatError(
        'ObjectCorrupt',
        `the blocks of file ${path} make ${position} bytes, its index says ${size}`,
      );
  }

  async finish(meta: FileMeta): Promise<void> {
    try {
      await Promise.all(this.#chunks);
      const { size, sparse } = this.#entry;
      finishFile(this.#handle.fd, { size, sparse: sparse === true, meta });
      // Starts the disk while the threads go on with the next file.
      await this.#handle.sync();
      await this.#handle.close();
    } catch (error) {
      await this.abandon();
      throw restoreError(error, this.#entry.path);
    }
  }

  async abandon(): Promise<void> {
    await Promise.allSettled(this.#chunks);
    await this.#handle.close().catch(() => undefined);
  }

  async #run(refs: readonly BlockRef[], position: number, slab: Slab): Promise<void> {
    const { pool, storage, packs, onBytes } = this.#from;
    const plan = planReads(refs, packs);
    const ranges = await readRangesInto(storage, plan, slab);
    const { path: name, sparse } = this.#entry;
    const job = { ranges, blocks: plan.blocks, fd: this.#handle.fd, position, sparse: sparse === true, name };
    const { length } = await pool.run('chunk', job);
    onBytes(length);
  }
}

function* chunksOf(blocks: readonly BlockRef[]): Generator<BlockRef[]> {
  let chunk: BlockRef[] = [];
  let bytes = 0;
  let storedBytes = 0;
  for (const ref of blocks) {
    const isFull = bytes + ref[4] > slabPlainBytes || storedBytes + ref[2] > slabBytes;
    if (isFull && chunk.length > 0) {
      yield chunk;
      chunk = [];
      bytes = 0;
      storedBytes = 0;
    }
    chunk.push(ref);
    bytes += ref[4];
    storedBytes += ref[2];
  }
  if (chunk.length > 0) yield chunk;
}
