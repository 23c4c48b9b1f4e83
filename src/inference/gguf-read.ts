/** Reads the header of a GGUF file: what it is, and how long it must be. Never reads the weights. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { LifeboatError } from '../domain/errors.ts';
import { aligned, defaultAlignment, ggufMagic, scalarBytes, tensorBytes, valueTypes } from './gguf-format.ts';

/** The longest text of real headers is a chat template of some KB. */
const longestBytes = 64 * 1024 * 1024;

export interface GgufHeader {
  readonly version: number;
  /** Scalars and strings. Of an array only its length is kept, as `[n]`. */
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  readonly architecture: string;
  readonly tensors: number;
  /** Where the last known tensor ends: a shorter file is truncated. Bytes. */
  readonly expectedBytes: number;
  readonly sizeBytes: number;
}

/** SourceCorrupt, naming the file and what is wrong with it, for anything that is no whole GGUF file. */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  const { size } = await stat(path);
  const stream = createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    return await parseGgufHeader(stream as AsyncIterable<Buffer>, size, path);
  } finally {
    stream.destroy();
  }
}

/** The same for a file that comes as a stream, of which only the beginning is read. `name` stands in errors. */
export async function parseGgufHeader(
  chunks: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  name: string,
): Promise<GgufHeader> {
  const source = chunks[Symbol.asyncIterator]();
  try {
    const header = await parse(new HeaderReader(source, name, sizeBytes));
    if (sizeBytes < header.expectedBytes) {
      throw corrupt(name, `it has ${sizeBytes} bytes, its tensor table needs ${header.expectedBytes}: it is truncated`);
    }
    return { ...header, sizeBytes };
  } finally {
    await source.return?.();
  }
}

async function parse(reader: HeaderReader): Promise<Omit<GgufHeader, 'sizeBytes'>> {
  if ((await reader.bytes(4)).toString('latin1') !== ggufMagic) throw reader.corrupt('it does not begin with GGUF');
  const version = await reader.u32();
  if (version !== 2 && version !== 3) throw reader.corrupt(`GGUF version ${version} is not 2 or 3`);
  const tensorCount = await reader.count('tensors');
  const metadataCount = await reader.count('metadata entries');
  const metadata: Record<string, string | number | boolean> = {};
  for (let index = 0; index < metadataCount; index += 1) {
    const key = await reader.text();
    metadata[key] = await readValue(reader, await reader.u32());
  }
  const alignment = Number(metadata['general.alignment'] ?? defaultAlignment);
  if (!(alignment > 0 && Number.isInteger(alignment))) throw reader.corrupt(`its alignment is ${alignment}`);
  const end = await endOfTensors(reader, tensorCount);
  return {
    version,
    metadata,
    architecture: String(metadata['general.architecture'] ?? ''),
    tensors: tensorCount,
    expectedBytes: aligned(reader.position, alignment) + end,
  };
}

/** Offsets count from the first aligned byte after the header. */
async function endOfTensors(reader: HeaderReader, tensorCount: number): Promise<number> {
  let end = 0;
  for (let index = 0; index < tensorCount; index += 1) {
    await reader.text();
    const rank = await reader.u32();
    if (rank > 8) throw reader.corrupt(`a tensor has ${rank} dimensions`);
    const dimensions: number[] = [];
    for (let axis = 0; axis < rank; axis += 1) dimensions.push(await reader.u64());
    const type = await reader.u32();
    const offset = await reader.u64();
    end = Math.max(end, offset + (tensorBytes(type, dimensions) ?? 0));
  }
  return end;
}

async function readValue(reader: HeaderReader, typeNumber: number): Promise<string | number | boolean> {
  const type = valueTypes[typeNumber];
  if (type === undefined) throw reader.corrupt(`metadata type ${typeNumber} is unknown`);
  if (type === 'string') return reader.text();
  if (type === 'array') return `[${await skipArray(reader)}]`;
  return readScalar(await reader.bytes(scalarBytes[type] ?? 0), type);
}

function readScalar(bytes: Buffer, type: (typeof valueTypes)[number]): number | boolean {
  if (type === 'bool') return bytes.readUInt8() !== 0;
  if (type === 'f32') return bytes.readFloatLE();
  if (type === 'f64') return bytes.readDoubleLE();
  if (type === 'u64') return Number(bytes.readBigUInt64LE());
  if (type === 'i64') return Number(bytes.readBigInt64LE());
  return type.startsWith('u') ? bytes.readUIntLE(0, bytes.length) : bytes.readIntLE(0, bytes.length);
}

async function skipArray(reader: HeaderReader): Promise<number> {
  const of = valueTypes[await reader.u32()];
  const length = await reader.count('array items');
  if (of === undefined || of === 'array') throw reader.corrupt('an array of arrays or of an unknown type');
  if (of === 'string') for (let index = 0; index < length; index += 1) await reader.bytes(await reader.u64());
  else await reader.skip(length * (scalarBytes[of] ?? 0));
  return length;
}

/** Takes the header from a stream, from its first byte on. */
class HeaderReader {
  position = 0;
  #held: Buffer = Buffer.alloc(0);
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #name: string;
  readonly #size: number;

  constructor(source: AsyncIterator<Uint8Array>, name: string, size: number) {
    this.#source = source;
    this.#name = name;
    this.#size = size;
  }

  corrupt(reason: string): LifeboatError {
    return corrupt(this.#name, reason);
  }

  async bytes(length: number): Promise<Buffer> {
    if (length > longestBytes) throw this.corrupt(`its header has a text of ${length} bytes`);
    this.#requireInside(length);
    if (this.#held.length < length) await this.#hold(length);
    const taken = this.#held.subarray(0, length);
    this.#drop(length);
    return taken;
  }

  async skip(length: number): Promise<void> {
    this.#requireInside(length);
    for (let left = length; left > 0;) {
      if (this.#held.length === 0) await this.#hold(1);
      const part = Math.min(left, this.#held.length);
      this.#drop(part);
      left -= part;
    }
  }

  async u32(): Promise<number> {
    return (await this.bytes(4)).readUInt32LE();
  }

  async u64(): Promise<number> {
    const value = (await this.bytes(8)).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.corrupt(`a length of ${value} is impossible`);
    return Number(value);
  }

  /** A count of things of at least one byte each: more than the file has bytes is nonsense, not a long loop. */
  async count(what: string): Promise<number> {
    const value = await this.u64();
    if (value > this.#size) throw this.corrupt(`it claims ${value} ${what}`);
    return value;
  }

  async text(): Promise<string> {
    return (await this.bytes(await this.u64())).toString('utf8');
  }

  #requireInside(length: number): void {
    if (this.position + length > this.#size) throw this.corrupt(`its header breaks off at byte ${this.#size}`);
  }

  #drop(length: number): void {
    this.#held = this.#held.subarray(length);
    this.position += length;
  }

  async #hold(length: number): Promise<void> {
    const parts: Uint8Array[] = [this.#held];
    for (let held = this.#held.length; held < length;) {
      const next = await this.#source.next();
      if (next.done === true) throw this.corrupt('it became shorter while it was read');
      parts.push(next.value);
      held += next.value.length;
    }
    this.#held = Buffer.concat(parts);
  }
}

function corrupt(path: string, reason: string): LifeboatError {
  return new LifeboatError('SourceCorrupt', `\`${path}\` is not a whole GGUF file: ${reason}`);
}
