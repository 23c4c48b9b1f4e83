/** A file whose bytes are pushed by a driver. Small ones wait in memory, large ones go on chunk by chunk. */
import { LifeboatError } from '../../domain/errors.ts';
import type { FileWriter } from '../repository.ts';
import { slabPlainBytes } from '../threads/slab.ts';
import type { LargeFile, SealedLargeFile } from './large-file.ts';

export interface PushedFileOptions {
  readonly path: string;
  readonly size: number;
  readonly startLarge: () => LargeFile;
  /** Takes the whole content of a small file; resolves when there is room for the next. */
  readonly small: (content: Uint8Array) => Promise<void>;
  /** Takes the end of a large file. */
  readonly large: (file: LargeFile, sealed: Promise<SealedLargeFile>) => void;
  readonly onBytes: (bytes: number) => void;
  readonly check: () => void;
}

export class PushedFile implements FileWriter {
  readonly #options: PushedFileOptions;
  readonly #large: LargeFile | undefined;
  readonly #buffer: Buffer;
  #filled = 0;
  #written = 0;
  #isClosed = false;

  constructor(options: PushedFileOptions) {
    this.#options = options;
    this.#large = options.size > slabPlainBytes ? options.startLarge() : undefined;
    this.#buffer = Buffer.allocUnsafeSlow(this.#large?.chunkBytes ?? options.size);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#options.check();
    this.#written += chunk.length;
    if (this.#isClosed || this.#written > this.#options.size) throw this.#wrongSize();
    let at = 0;
    while (at < chunk.length) {
      const part = chunk.subarray(at, at + this.#buffer.length - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#large !== undefined && this.#filled === this.#buffer.length) await this.#pushChunk(this.#large);
    }
    this.#options.onBytes(chunk.length);
  }

  async close(): Promise<void> {
    this.#options.check();
    if (this.#isClosed || this.#written !== this.#options.size) throw this.#wrongSize();
    this.#isClosed = true;
    if (this.#large === undefined) return this.#options.small(this.#buffer);
    if (this.#filled > 0) await this.#pushChunk(this.#large);
    this.#options.large(this.#large, this.#large.finish());
  }

  async #pushChunk(large: LargeFile): Promise<void> {
    // `push` has copied the bytes to a slab when it returns.
    await large.push(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #wrongSize(): LifeboatError {
    const { path, size } = this.#options;
    return new LifeboatError('SourceChanged', `file ${path} was announced with ${size} bytes, ${this.#written} came`);
  }
}
