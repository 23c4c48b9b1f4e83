/**
 * Takes a dump out of the replication stream. It begins with `$<length>` and that many bytes follow, or with
 * `$EOF:<40 characters>` and it ends where these characters come again. Blank lines before it are keepalives.
 */
const markBytes = 40;

export class DumpFraming {
  #pending: Buffer = Buffer.alloc(0);
  #left: number | undefined;
  #mark: Buffer | undefined;
  #isComplete = false;

  get isComplete(): boolean {
    return this.#isComplete;
  }

  add(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
  }

  /** The next whole line without its end, or undefined. */
  takeLine(): string | undefined {
    const end = this.#pending.indexOf(0x0a);
    if (end === -1) return undefined;
    const line = this.#pending.toString('latin1', 0, end).replace(/\r$/, '');
    this.#pending = this.#pending.subarray(end + 1);
    return line;
  }

  /** Bytes of the dump that are certain; empty when more must come or all are taken. Error for another framing. */
  takeDump(): Buffer {
    while (this.#left === undefined && this.#mark === undefined) {
      const line = this.takeLine();
      if (line === undefined) return none;
      if (line !== '') this.#begin(line);
    }
    return this.#mark === undefined ? this.#takeCounted() : this.#takeUntilMark(this.#mark);
  }

  #begin(line: string): void {
    const mark = /^\$EOF:(.{40})$/.exec(line)?.[1];
    if (mark !== undefined) this.#mark = Buffer.from(mark, 'latin1');
    else if (/^\$\d+$/.test(line)) this.#left = Number(line.slice(1));
    else throw new Error(`the dump begins with \`${line.slice(0, 80)}\``);
  }

  #takeCounted(): Buffer {
    const part = this.#pending.subarray(0, this.#left ?? 0);
    this.#left = (this.#left ?? 0) - part.length;
    this.#pending = this.#pending.subarray(part.length);
    this.#isComplete = this.#left === 0;
    return part;
  }

  #takeUntilMark(mark: Buffer): Buffer {
    if (this.#isComplete) return none;
    const found = this.#pending.indexOf(mark);
    this.#isComplete = found !== -1;
    // The mark may come in two pieces: its length is held back.
    const size = found === -1 ? Math.max(0, this.#pending.length - markBytes) : found;
    const part = this.#pending.subarray(0, size);
    this.#pending = this.#pending.subarray(size);
    return part;
  }
}

const none = Buffer.alloc(0);
