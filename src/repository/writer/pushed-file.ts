/** A file whose bytes are pushed by a driver. Small ones wait in memory, large ones go on chunk by chunk. */
import { LifeboatError } from '../../domain/errors.ts';
import type { FileWriter } from '../repository.ts';
import { slabPlainBytes } from '../threads/slab.ts';
import type { Slab } from '../threads/slab.ts';
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
  readonly onClose: () => void;
  readonly check: () => void;
}

export class PushedFile implements FileWriter {
  readonly #options: PushedFileOptions;
  readonly #sink: SmallSink | LargeSink;
  #written = 0;
  #isClosed = false;

  constructor(options: PushedFileOptions) {
    this.#options = options;
    this.#sink = options.size > slabPlainBytes ? new LargeSink(options.startLarge(), options) : new SmallSink(options);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#options.check();
    this.#written += chunk.length;
    if (this.#isClosed || this.#written > this.#options.size) throw this.#wrongSize();
    await this.#sink.write(chunk);
    this.#options.onBytes(chunk.length);
  }

  async close(): Promise<void> {
    this.#options.check();
    if (this.#isClosed || this.#written !== this.#options.size) throw this.#wrongSize();
    this.#isClosed = true;
    this.#options.onClose();
    await this.#sink.close();
  }

  /** Gives back what it holds. After `close` nothing. */
  abandon(): void {
    this.#isClosed = true;
    this.#sink.abandon();
  }

  #wrongSize(): LifeboatError {
    const { path, size } = this.#options;
    return new LifeboatError('SourceChanged', `file ${path} was announced with ${size} bytes, ${this.#written} came`);
  }
}

class SmallSink {
  readonly #take: PushedFileOptions['small'];
  readonly #buffer: Buffer;
  #filled = 0;

  constructor({ size, small }: PushedFileOptions) {
    this.#take = small;
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  write(chunk: Uint8Array): void {
    this.#buffer.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  async close(): Promise<void> {
    await this.#take(this.#buffer);
  }

  abandon(): void {}
}

/** Fills the threads' own memory, so that nothing is copied twice. */
class LargeSink {
  readonly #file: LargeFile;
  readonly #take: PushedFileOptions['large'];
  #slab: Slab | undefined;
  #filled = 0;
  #isAbandoned = false;

  constructor(file: LargeFile, { large }: PushedFileOptions) {
    this.#file = file;
    this.#take = large;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < bytes.length;) {
      this.#slab ??= await this.#room();
      const copied = bytes.copy(
        this.#slab.bytes,
        this.#filled,
        at,
        Math.min(bytes.length, at + this.#file.chunkBytes - this.#filled),
      );
      this.#filled += copied;
      at += copied;
      if (this.#filled === this.#file.chunkBytes) this.#push(this.#slab);
    }
  }

  async close(): Promise<void> {
    if (this.#slab !== undefined) this.#push(this.#slab);
    this.#take(this.#file, this.#file.finish());
  }

  abandon(): void {
    this.#isAbandoned = true;
    if (this.#slab !== undefined) this.#file.drop(this.#slab);
    this.#slab = undefined;
  }

  async #room(): Promise<Slab> {
    const slab = await this.#file.room();
    if (!this.#isAbandoned) return slab;
    this.#file.drop(slab);
    throw new LifeboatError('Aborted', 'the capture was given up');
  }

  #push(slab: Slab): void {
    this.#file.push(slab, { size: this.#filled });
    this.#slab = undefined;
    this.#filled = 0;
  }
}
