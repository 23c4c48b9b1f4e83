/**
 * A pack: frames one after the other, a sealed table of them, a trailer. Its name is the SHA-256 of all its bytes.
 * The table makes indexes rebuildable and lets a later attempt find the blocks of a killed one.
 */
import { randomBytes } from 'node:crypto';
import { LifeboatError } from '../domain/errors.ts';
import { parseJson } from '../json/parse-json.ts';
import type { Storage } from '../storage/storage.ts';
import { frameKinds, frameOverhead, headerBytes } from './frame.ts';
import type { Opener, Sealer } from './frame.ts';
import { layout } from './layout.ts';
import { linesOf } from './lines.ts';
import { slabPlainBytes } from './threads/slab.ts';
import { decodeTrailer, encodeTrailer, trailerBytes } from './trailer.ts';

/** A pack is closed by the frame that brings it here: large enough for S3, small enough to hold in memory. */
export const packBytes = 16 * 1024 * 1024;
export const packRoom = packBytes + slabPlainBytes + frameOverhead;

/** The frames of a pack: where they lie and what they hold. */
export interface PackFrames {
  /** Two numbers a frame: offset, length. */
  readonly frames: Uint32Array;
  readonly plainLengths: Uint32Array;
  /** 32 bytes a frame: the digest of its content. */
  readonly digests: Uint8Array;
  /** Numbers of the frames that are bundles. */
  readonly bundles: ReadonlySet<number>;
}

/** A sealed frame on its way into a pack. */
export interface SealedFrame {
  readonly bytes: Buffer;
  readonly digest: Uint8Array;
  readonly plainLength: number;
  readonly isBundle: boolean;
}

/** A pack that is being filled, in memory that threads can read. */
export class PackBuilder {
  readonly number: number;
  readonly memory: Buffer<SharedArrayBuffer>;
  readonly #frames: number[] = [];
  readonly #plainLengths: number[] = [];
  readonly #digests: Uint8Array[] = [];
  readonly #bundles = new Set<number>();
  #size = 0;

  constructor(number: number, memory: Buffer<SharedArrayBuffer>) {
    this.number = number;
    this.memory = memory;
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= packBytes;
  }

  /** The bytes so far. */
  get bytes(): Buffer<SharedArrayBuffer> {
    return this.memory.subarray(0, this.#size);
  }

  /** Copies the frame in and returns its offset. There is room for one more frame as long as the pack is not full. */
  add({ bytes, digest, plainLength, isBundle }: SealedFrame): number {
    const offset = this.#size;
    bytes.copy(this.memory, offset);
    this.#size += bytes.length;
    if (isBundle) this.#bundles.add(this.#digests.length);
    this.#frames.push(offset, bytes.length);
    this.#plainLengths.push(plainLength);
    this.#digests.push(digest);
    return offset;
  }

  /** Empties the header of every frame in memory, for good. */
  spoil(): void {
    for (let frame = 0; frame < this.#digests.length; frame += 1) {
      const at = this.#frames[frame * 2] ?? 0;
      this.memory.fill(0, at, at + headerBytes);
    }
  }

  frames(): PackFrames {
    return {
      frames: Uint32Array.from(this.#frames),
      plainLengths: Uint32Array.from(this.#plainLengths),
      digests: new Uint8Array(Buffer.concat(this.#digests)),
      bundles: this.#bundles,
    };
  }

  /** Table frame and trailer. */
  tail(sealer: Sealer): Buffer {
    // The random number keeps two packs of the same blocks apart: one of them may be marked for removal.
    const lines = [JSON.stringify({ pack: 1, frames: this.#digests.length, random: randomBytes(16).toString('hex') })];
    this.#digests.forEach((digest, frame) => {
      lines.push(
        JSON.stringify([
          this.#frames[frame * 2],
          this.#frames[frame * 2 + 1],
          Buffer.from(digest).toString('hex'),
          this.#plainLengths[frame],
          ...(this.#bundles.has(frame) ? [true] : []),
        ]),
      );
    });
    const table = sealer.frame(frameKinds.packTable, Buffer.from(`${lines.join('\n')}\n`));
    return Buffer.concat([table, encodeTrailer(table.length)]);
  }
}

/** What a stored pack says that it holds. ObjectMissing, ObjectCorrupt. */
export async function readPackTable(
  storage: Storage,
  packId: string,
  opener: Opener,
): Promise<PackFrames & { readonly size: number }> {
  const key = layout.pack(packId);
  const info = await storage.stat(key);
  if (info === undefined) throw new LifeboatError('ObjectMissing', `object ${key} is gone`);
  const trailer = await storage.read(key, {
    offset: Math.max(info.size - trailerBytes, 0),
    length: Math.min(trailerBytes, info.size),
  });
  const length = decodeTrailer(trailer, key, info.size);
  const tableAt = info.size - trailerBytes - length;
  return {
    ...parsePackTable(await storage.read(key, { offset: tableAt, length }), key, opener, tableAt),
    size: info.size,
  };
}

/** The same from the pack's bytes in memory. */
export function packTableOf(bytes: Uint8Array, packId: string, opener: Opener): PackFrames {
  const key = layout.pack(packId);
  const length = decodeTrailer(bytes.subarray(Math.max(bytes.length - trailerBytes, 0)), key, bytes.length);
  const tableAt = bytes.length - trailerBytes - length;
  return parsePackTable(bytes.subarray(tableAt, tableAt + length), key, opener, tableAt);
}

function parsePackTable(frame: Uint8Array, key: string, opener: Opener, tableAt: number): PackFrames {
  const [head, ...lines] = linesOf(openTable(frame, key, opener), key);
  const frames: number[] = [];
  const plainLengths: number[] = [];
  const digests: Buffer[] = [];
  const bundles = new Set<number>();
  let at = 0;
  for (const line of lines) {
    const [offset, length, digest, plainLength, isBundle] = parseLine(line, key);
    if (offset !== at) throw new LifeboatError('ObjectCorrupt', `object ${key}: its table has a gap at byte ${at}`);
    frames.push(offset, length);
    plainLengths.push(plainLength);
    if (isBundle === true) bundles.add(digests.length);
    digests.push(Buffer.from(digest, 'hex'));
    at += length;
  }
  if (at !== tableAt || countOf(head) !== lines.length)
    throw new LifeboatError('ObjectCorrupt', `object ${key}: its table does not cover it`);
  return {
    frames: Uint32Array.from(frames),
    plainLengths: Uint32Array.from(plainLengths),
    digests: new Uint8Array(Buffer.concat(digests)),
    bundles,
  };
}

type FrameLine = readonly [offset: number, length: number, digest: string, plainLength: number, isBundle?: true];

function parseLine(line: string, key: string): FrameLine {
  const value = jsonOf(line);
  const isSound =
    Array.isArray(value) &&
    (value.length === 4 || (value.length === 5 && value[4] === true)) &&
    [value[0], value[1], value[3]].every((number) => Number.isSafeInteger(number) && Number(number) >= 0) &&
    /^[0-9a-f]{64}$/.test(String(value[2]));
  if (!isSound) throw new LifeboatError('ObjectCorrupt', `object ${key}: its table has a malformed line`);
  return value as unknown as FrameLine;
}

function countOf(head = ''): unknown {
  const value = jsonOf(head);
  return typeof value === 'object' && value !== null && 'frames' in value ? value.frames : undefined;
}

function jsonOf(line: string): unknown {
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}

function openTable(frame: Uint8Array, key: string, opener: Opener): Buffer {
  try {
    return opener.open(frame, frameKinds.packTable);
  } catch (error) {
    throw new LifeboatError(
      'ObjectCorrupt',
      `object ${key}, its table: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
