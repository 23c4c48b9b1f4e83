/** Restores one large file: chunks on any thread, its SHA-256 in order on one, durable before it is closed. */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { BlockRef, FileEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import type { PackRecord } from '../index-object.ts';
import type { FileMeta } from '../threads/jobs.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { createFlags, finishFile, restoreError } from '../threads/restore-job.ts';
import { slabPlainBytes } from '../threads/slab.ts';
import type { Slab } from '../threads/slab.ts';
import { newHashStream } from '../writer/large-file.ts';
import { planReads, readRanges } from './ranges.ts';

interface From {
  readonly storage: Storage;
  readonly pool: ThreadPool;
  readonly packs: readonly PackRecord[];
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
  readonly #stream = newHashStream();
  readonly #thread: number;
  readonly #chunks: Promise<void>[] = [];
  #hashed: Promise<unknown> = Promise.resolve();

  constructor(entry: FileEntry, handle: FileHandle, from: From) {
    this.#entry = entry;
    this.#handle = handle;
    this.#from = from;
    this.#thread = from.pool.leastBusy();
  }

  async begin(): Promise<void> {
    let position = 0;
    for (const refs of chunksOf(this.#entry.blocks)) {
      this.#from.signal?.throwIfAborted();
      const slab = await this.#from.pool.slabs.acquire();
      const chunk = this.#run(slab, refs, position);
      chunk.catch(() => undefined);
      this.#chunks.push(chunk);
      position += refs.reduce((sum, [, , , , plainLength]) => sum + plainLength, 0);
    }
  }

  async finish(meta: FileMeta): Promise<void> {
    try {
      await Promise.all(this.#chunks);
      const { sha256 } = await this.#from.pool.run(
        'hash',
        { stream: this.#stream, length: 0, next: 'end' },
        { thread: this.#thread },
      );
      const { size, sparse, path } = this.#entry;
      if (sha256 !== this.#entry.sha256)
        throw new LifeboatError('ObjectCorrupt', `file ${path} does not have the SHA-256 that its index names`);
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
    await this.#from.pool.run('hash', { stream: this.#stream, length: 0, next: 'drop' }, { thread: this.#thread });
    await this.#handle.close().catch(() => undefined);
  }

  async #run(slab: Slab, refs: readonly BlockRef[], position: number): Promise<void> {
    const before = this.#hashed;
    const { pool, storage, packs, onBytes } = this.#from;
    try {
      const writing = (async () => {
        const plan = planReads(refs, packs);
        const ranges = await readRanges(storage, plan);
        const job = {
          ranges,
          blocks: plan.blocks,
          fd: this.#handle.fd,
          position,
          sparse: this.#entry.sparse === true,
          name: this.#entry.path,
          slab: slab.shared,
        };
        return pool.run('chunk', job, { transfer: ranges.map(({ buffer }) => buffer) });
      })();
      const posted = (async () => {
        const { length } = await writing;
        await before;
        return {
          done: pool.run(
            'hash',
            { stream: this.#stream, slab: slab.shared, length, next: 'more' },
            { thread: this.#thread },
          ),
        };
      })();
      this.#hashed = posted.catch(() => undefined);
      await (
        await posted
      ).done;
      onBytes((await writing).length);
    } finally {
      pool.slabs.release(slab);
    }
  }
}

function* chunksOf(blocks: readonly BlockRef[]): Generator<BlockRef[]> {
  let chunk: BlockRef[] = [];
  let bytes = 0;
  for (const ref of blocks) {
    if (bytes + ref[4] > slabPlainBytes && chunk.length > 0) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(ref);
    bytes += ref[4];
  }
  if (chunk.length > 0) yield chunk;
}
