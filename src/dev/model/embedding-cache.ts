/**
 * Embeddings that were computed before, by model and text. A cache folder of small files that are written once:
 * each record is the SHA-256 of the text and its vector, so that two processes may add at once and a kill leaves
 * whole files only.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const keyBytes = 32;

export class EmbeddingCache {
  readonly #folder: string;
  readonly #dimension: number;
  readonly #vectors = new Map<string, Float32Array>();

  private constructor(folder: string, dimension: number) {
    this.#folder = folder;
    this.#dimension = dimension;
  }

  /** Loads what stands in the folder of this model. Files of a strange length are left alone and not used. */
  static async open(cacheFolder: string, modelSha256: string, dimension: number): Promise<EmbeddingCache> {
    const cache = new EmbeddingCache(join(cacheFolder, 'embeddings', modelSha256.slice(0, 16)), dimension);
    await mkdir(cache.#folder, { recursive: true });
    for (const name of await readdir(cache.#folder)) {
      if (name.endsWith('.vectors')) cache.#load(await readFile(join(cache.#folder, name)));
    }
    return cache;
  }

  get(text: string): Float32Array | undefined {
    return this.#vectors.get(keyOf(text));
  }

  /** Adds vectors, in memory and as one file. */
  async add(texts: readonly string[], vectors: readonly Float32Array[]): Promise<void> {
    const records = Buffer.alloc(texts.length * this.#recordBytes);
    for (const [index, text] of texts.entries()) {
      const vector = vectors[index] ?? new Float32Array(this.#dimension);
      this.#vectors.set(keyOf(text), vector);
      Buffer.from(keyOf(text), 'hex').copy(records, index * this.#recordBytes);
      Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).copy(
        records,
        index * this.#recordBytes + keyBytes,
      );
    }
    const name = createHash('sha256').update(records).digest('hex').slice(0, 24);
    const temporary = join(this.#folder, `${name}.${process.pid}.tmp`);
    await writeFile(temporary, records);
    await rename(temporary, join(this.#folder, `${name}.vectors`));
  }

  get #recordBytes(): number {
    return keyBytes + this.#dimension * 4;
  }

  #load(file: Buffer): void {
    if (file.length % this.#recordBytes !== 0) return;
    for (let at = 0; at < file.length; at += this.#recordBytes) {
      const key = file.subarray(at, at + keyBytes).toString('hex');
      // Copied, because a view needs an offset that is a multiple of 4.
      const bytes = Uint8Array.from(file.subarray(at + keyBytes, at + this.#recordBytes));
      this.#vectors.set(key, new Float32Array(bytes.buffer));
    }
  }
}

function keyOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
