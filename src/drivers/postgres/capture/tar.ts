/**
 * Streaming reader of the tar archives that a base backup sends: ustar, sizes in base 256 beyond 8 GiB, and the long
 * names of GNU and pax, should a server ever send them. Contents are handed on as slices of what came in.
 */
const blockBytes = 512;
const zeroBlock = Buffer.alloc(blockBytes);

export interface TarHeader {
  /** Without a leading `./` and a closing slash. */
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly linkTarget: string;
}

export interface TarHandler {
  /** A new member; returns where its bytes go (only asked for files). */
  entry(header: TarHeader): Promise<TarMember | undefined>;
}

export interface TarMember {
  write(chunk: Buffer): Promise<void>;
  end(): Promise<void>;
}

/** Throws TypeError on anything that is no tar. `end` says whether the archive stopped where it may. */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #block = Buffer.alloc(blockBytes);
  #blockFill = 0;
  #contentLeft = 0;
  #padding = 0;
  #member: TarMember | undefined;
  /** Content of a GNU or pax header that describes the next member. */
  #extension: { kind: 'name' | 'pax'; parts: Buffer[] } | undefined;
  #override: { name?: string; size?: number } = {};

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  async write(chunk: Buffer): Promise<void> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#contentLeft > 0) {
        const end = Math.min(chunk.length, at + this.#contentLeft);
        this.#contentLeft -= end - at;
        const part = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
        if (this.#extension !== undefined) this.#extension.parts.push(Buffer.from(part));
        else if (this.#member !== undefined) await this.#member.write(part);
        at = end;
        if (this.#contentLeft === 0) await this.#endContent();
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, chunk.length - at);
        this.#padding -= skipped;
        at += skipped;
      } else {
        const taken = chunk.copy(this.#block, this.#blockFill, at, at + blockBytes - this.#blockFill);
        this.#blockFill += taken;
        at += taken;
        if (this.#blockFill === blockBytes) {
          this.#blockFill = 0;
          await this.#readHeader();
        }
      }
    }
  }

  /** To be called at the end of an archive. */
  end(): void {
    if (this.#contentLeft > 0 || this.#padding > 0 || this.#blockFill > 0) {
      throw new TypeError('the archive ends in the middle of a member');
    }
  }

  async #readHeader(): Promise<void> {
    const block = this.#block;
    if (block[0] === 0 && block.equals(zeroBlock)) return;
    verifyChecksum(block);
    const type = String.fromCharCode(block[156]!);
    const size = this.#override.size ?? numberAt(block, 124, 12);
    this.#contentLeft = size;
    this.#padding = (blockBytes - (size % blockBytes)) % blockBytes;
    if (type === 'L' || type === 'x') {
      this.#extension = { kind: type === 'L' ? 'name' : 'pax', parts: [] };
      return;
    }
    const header = headerOf(block, type, size, this.#override.name);
    this.#override = {};
    this.#member = await this.#handler.entry(header);
    if (size === 0) await this.#endContent();
  }

  async #endContent(): Promise<void> {
    if (this.#extension !== undefined) {
      const content = Buffer.concat(this.#extension.parts);
      this.#override =
        this.#extension.kind === 'name' ? { name: textAt(content, 0, content.length) } : paxFields(content);
      this.#extension = undefined;
      return;
    }
    const member = this.#member;
    this.#member = undefined;
    await member?.end();
  }
}

function headerOf(block: Buffer, type: string, size: number, longName: string | undefined): TarHeader {
  const prefix = block.toString('latin1', 257, 262) === 'ustar' ? textAt(block, 345, 155) : '';
  const short = textAt(block, 0, 100);
  const name = longName ?? (prefix === '' ? short : `${prefix}/${short}`);
  const kinds: Record<string, TarHeader['type']> = { '0': 'file', '\0': 'file', '5': 'directory', '2': 'symlink' };
  const kind = kinds[type];
  if (kind === undefined) throw new TypeError(`tar member \`${name}\` has the unknown type \`${type}\``);
  return {
    name: name.replace(/^\.\//, '').replace(/\/+$/, ''),
    type: kind,
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: numberAt(block, 108, 8),
    gid: numberAt(block, 116, 8),
    size,
    mtimeSeconds: numberAt(block, 136, 12),
    linkTarget: textAt(block, 157, 100),
  };
}

/** The sum of the header's bytes with its own field read as blanks. */
function verifyChecksum(block: Buffer): void {
  let sum = 8 * 0x20;
  for (let at = 0; at < blockBytes; at++) if (at < 148 || at >= 156) sum += block[at]!;
  if (sum !== numberAt(block, 148, 8)) throw new TypeError('a tar header has a wrong checksum');
}

function textAt(block: Buffer, offset: number, length: number): string {
  const end = block.indexOf(0, offset);
  return block.toString('utf8', offset, end === -1 || end > offset + length ? offset + length : end);
}

/** Octal text, or big-endian base 256 where the first bit is set. */
function numberAt(block: Buffer, offset: number, length: number): number {
  if ((block[offset]! & 0x80) !== 0) {
    let value = BigInt(block[offset]! & 0x7f);
    for (let at = offset + 1; at < offset + length; at++) value = (value << 8n) | BigInt(block[at]!);
    return Number(value);
  }
  const text = textAt(block, offset, length).trim();
  return text === '' ? 0 : Number.parseInt(text, 8);
}

function paxFields(content: Buffer): { name?: string; size?: number } {
  const fields: { name?: string; size?: number } = {};
  for (let at = 0; at < content.length;) {
    const blank = content.indexOf(0x20, at);
    const length = Number(content.toString('latin1', at, blank));
    if (blank === -1 || !Number.isSafeInteger(length) || length <= 0) throw new TypeError('a pax header is damaged');
    const [key, value] = splitOnce(content.toString('utf8', blank + 1, at + length - 1));
    if (key === 'path') fields.name = value;
    if (key === 'size') fields.size = Number(value);
    at += length;
  }
  return fields;
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}
