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
  /** 32 bytes a frame. */
  readonly ids: Uint8Array;
}

/** A pack that is being filled, in memory that threads can read. */
export class PackBuilder {
  readonly number: number;
  readonly memory: Buffer<SharedArrayBuffer>;
  readonly #frames: number[] = [];
  readonly #plainLengths: number[] = [];
  readonly #ids: Uint8Array[] = [];
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
  add(frame: Buffer, id: Uint8Array, plainLength: number): number {
    const offset = this.#size;
    frame.copy(this.memory, offset);
    this.#size += frame.length;
    this.#frames.push(offset, frame.length);
    this.#plainLengths.push(plainLength);
    this.#ids.push(id);
    return offset;
  }

  /** Empties the header of every frame in memory, for good. */
  spoil(): void {
    for (let frame = 0; frame < this.#ids.length; frame += 1) {
      const at = this.#frames[frame * 2] ?? 0;
      this.memory.fill(0, at, at + headerBytes);
    }
  }

  frames(): PackFrames {
    return {
      frames: Uint32Array.from(this.#frames),
      plainLengths: Uint32Array.from(this.#plainLengths),
      ids: new Uint8Array(Buffer.concat(this.#ids)),
    };
  }

  /** Table frame and trailer. */
  tail(sealer: Sealer): Buffer {
    // The random number keeps two packs of the same blocks apart: one of them may be marked for removal.
    const lines = [JSON.stringify({ pack: 1, frames: this.#ids.length, random: randomBytes(16).toString('hex') })];
    this.#ids.forEach((id, frame) => {
      lines.push(
        JSON.stringify([
          this.#frames[frame * 2],
          this.#frames[frame * 2 + 1],
          Buffer.from(id).toString('hex'),
          this.#plainLengths[frame],
        ]),
      );
    });
    const table = sealer.frame(frameKinds.packTable, Buffer.from(`${lines.join('\n')}\n`));
    return Buffer.concat([table, encodeTrailer(table.length, 'LBP1')]);
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
  const length = decodeTrailer(trailer, 'LBP1', key, info.size);
  const tableAt = info.size - trailerBytes - length;
  return {
    ...parsePackTable(await storage.read(key, { offset: tableAt, length }), key, opener, tableAt),
    size: info.size,
  };
}

/** The same from the pack's bytes in memory. */
export function packTableOf(bytes: Uint8Array, packId: string, opener: Opener): PackFrames {
  const key = layout.pack(packId);
  const length = decodeTrailer(bytes.subarray(Math.max(bytes.length - trailerBytes, 0)), 'LBP1', key, bytes.length);
  const tableAt = bytes.length - trailerBytes - length;
  return parsePackTable(bytes.subarray(tableAt, tableAt + length), key, opener, tableAt);
}

function parsePackTable(frame: Uint8Array, key: string, opener: Opener, tableAt: number): PackFrames {
  const [head, ...lines] = linesOf(openTable(frame, key, opener), key);
  const frames: number[] = [];
  const plainLengths: number[] = [];
  const ids: Buffer[] = [];
  let at = 0;
  for (const line of lines) {
    const [offset, length, id, plainLength] = parseJson(line) as [number, number, string, number];
    if (offset !== at) throw new LifeboatError('ObjectCorrupt', `object ${key}: its table has a gap at byte ${at}`);
    frames.push(offset, length);
    plainLengths.push(plainLength);
    ids.push(Buffer.from(id, 'hex'));
    at += length;
  }
  const count = (parseJson(head ?? '{}') as { frames?: number }).frames;
  if (at !== tableAt || count !== lines.length)
    throw new LifeboatError('ObjectCorrupt', `object ${key}: its table does not cover it`);
  return {
    frames: Uint32Array.from(frames),
    plainLengths: Uint32Array.from(plainLengths),
    ids: new Uint8Array(Buffer.concat(ids)),
  };
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
