/**
 * Separates the CopyData messages of a server's byte stream from all others, without copying: a message may lie across
 * any number of chunks. A base backup is a million small messages; pg's own parser makes an object and an event of each.
 */
const copyDataTag = 0x64; // 'd'
const headerBytes = 5;

export interface CopySink {
  /** A piece of one CopyData message. `kind` is its first payload byte, which `bytes` no longer holds. */
  copy(kind: number, bytes: Buffer, isEnd: boolean): void;
  /** Bytes of other messages, complete with their headers, in order. */
  other(bytes: Buffer): void;
}

export class CopySplitter {
  readonly #sink: CopySink;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFill = 0;
  #remaining = 0;
  #isCopy = false;
  #kind = -1;

  constructor(sink: CopySink) {
    this.#sink = sink;
  }

  feed(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining === 0) at = this.#readHeader(chunk, at);
      else at = this.#readPayload(chunk, at);
    }
  }

  #readHeader(chunk: Buffer, from: number): number {
    const taken = chunk.copy(this.#header, this.#headerFill, from, from + headerBytes - this.#headerFill);
    this.#headerFill += taken;
    if (this.#headerFill < headerBytes) return from + taken;
    this.#headerFill = 0;
    this.#isCopy = this.#header[0] === copyDataTag;
    this.#remaining = this.#header.readUInt32BE(1) - 4;
    this.#kind = -1;
    if (!this.#isCopy) this.#sink.other(Buffer.from(this.#header));
    return from + taken;
  }

  #readPayload(chunk: Buffer, from: number): number {
    const end = Math.min(chunk.length, from + this.#remaining);
    this.#remaining -= end - from;
    if (!this.#isCopy) {
      this.#sink.other(chunk.subarray(from, end));
      return end;
    }
    let start = from;
    if (this.#kind === -1) this.#kind = chunk[start++]!;
    this.#sink.copy(this.#kind, chunk.subarray(start, end), this.#remaining === 0);
    return end;
  }
}
