/** Brings the index to the storage: its parts into packs, or where the previous one has them, and then the object itself. */
import { hash } from 'node:crypto';
import type { BlockRef } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { freeBytes } from '../free-bytes.ts';
import type { Opener, Sealer } from '../frame.ts';
import { decodeIndex, encodeIndex, type Index } from '../index-object.ts';
import { layout } from '../layout.ts';
import type { ThreadPool } from '../threads/pool.ts';
import { slabPlainBytes } from '../threads/slab.ts';
import type { BlockStore } from './block-store.ts';
import { LargeFile } from './large-file.ts';
import type { Previous } from './previous.ts';
import type { SmallFiles } from './small-files.ts';

/** Blocks of an index's text. */
const partBlockBytes = 1024 * 1024;

export interface IndexStoreParts {
  readonly storage: Storage;
  readonly pool: ThreadPool;
  readonly sealer: Sealer;
  readonly opener: Opener;
  readonly previous: Previous;
  readonly store: BlockStore;
  readonly small: SmallFiles;
}

export class IndexStore {
  readonly #parts: IndexStoreParts;

  constructor(parts: IndexStoreParts) {
    this.#parts = parts;
  }

  /** Where the previous index has the part, or as new blocks. The text is given back. */
  async part(text: Buffer): Promise<readonly BlockRef[]> {
    const { previous, store } = this.#parts;
    const known: BlockRef[] = [];
    for (let at = 0; at < text.length; at += partBlockBytes) {
      const ref = await previous.part(hash('sha256', text.subarray(at, at + partBlockBytes)));
      if (ref === undefined) return this.#newPart(text);
      known.push(ref);
    }
    store.use(known);
    freeBytes(text);
    return known;
  }

  async #newPart(text: Buffer): Promise<readonly BlockRef[]> {
    const { pool, store, small } = this.#parts;
    const options = { blockSize: partBlockBytes, digest: false };
    if (text.length <= slabPlainBytes) {
      const { refs } = await small.add({ size: text.length, content: text, isData: false, ...options });
      freeBytes(text);
      return refs;
    }
    const large = new LargeFile(pool, store, options);
    try {
      for (let at = 0; at < text.length; at += large.chunkBytes) {
        const slab = await large.room();
        const size = text.copy(slab.bytes, 0, at, at + large.chunkBytes);
        large.push(slab, { size });
      }
      return (await large.finish()).refs;
    } catch (error) {
      await large.abandon();
      throw error;
    }
  }

  /** Durable, and read back: its size. */
  async object(index: Index): Promise<number> {
    const { storage, sealer, opener } = this.#parts;
    const bytes = encodeIndex(index, sealer);
    const staged = await storage.stage(layout.index(index.id));
    try {
      await staged.append(bytes);
      await storage.commit([staged]);
    } catch (error) {
      await staged.discard().catch(() => undefined);
      throw error;
    }
    const stored = await storage.read(layout.index(index.id));
    decodeIndex(stored, index.id, opener);
    if (!bytes.equals(stored))
      throw new LifeboatError('ObjectCorrupt', `index ${index.id}, read back at once, is not what was written`);
    return bytes.length;
  }
}
