/**
 * The frame: the one sealed unit of packs, indexes and details of documents (docs/repository-format.md, "Frames").
 *
 *  0  4 magic "LBF1"
 *  4  1 kind   5  1 flags   6  2 zero
 *  8  4 plain length, big endian
 * 12  4 payload length, big endian
 * 16 16 salt of the frame key
 * 32 12 nonce
 * 44 32 id of the content
 * 76    payload: zstd frame or plain bytes, AES-256-GCM where sealed, additional data = the 76 bytes before it
 *    16 tag, where sealed
 */
import { createCipheriv, createDecipheriv, createSecretKey, hash, randomBytes, randomFillSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { LifeboatError } from '../domain/errors.ts';
import { blocksOfBundle, digestOfBundle } from './bundle.ts';
import { freeBytes } from './free-bytes.ts';
import { contentId, frameKey } from './secrets.ts';
import type { Secrets } from './secrets.ts';

export const frameKinds = { block: 1, packTable: 2, index: 3, details: 4, wal: 5, bundle: 6 } as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

export const headerBytes = 76;
const tagBytes = 16;
/** What a frame adds to its plaintext at most. */
export const frameOverhead = headerBytes + tagBytes;
/** Larger frames are refused before memory is taken for them: PostgreSQL's largest segment and the line before it. */
export const maxPlainBytes = 1024 ** 3 + 65536;

const magic = Buffer.from('LBF1');
const sealedFlag = 1;
const zstdFlag = 2;
/** What is looked at of a block that is likely to be incompressible: pieces spread over all of it. */
const samples = 4;
const sampleBytes = 4096;
/** AES-GCM with random nonces: fewer frames than this under one key. */
const framesPerSalt = 2 ** 31;

export interface FrameHeader {
  readonly kind: number;
  readonly sealed: boolean;
  readonly compressed: boolean;
  readonly plainLength: number;
  readonly payloadLength: number;
  /** Length of the whole frame. */
  readonly length: number;
  readonly id: Buffer;
}

/** Seals frames for one repository. Each thread has its own, with its own salt. */
export class Sealer {
  readonly #secrets: Secrets | undefined;
  readonly #salt = Buffer.alloc(16);
  #key: KeyObject | undefined;
  #framesLeft = 0;
  /** The last block did not shrink. */
  #hadNoGain = false;

  constructor(secrets: Secrets | undefined) {
    this.#secrets = secrets;
  }

  /**
   * Writes the frame at `at` and returns its length. `into` must have room for the plaintext and `frameOverhead`. `digest`
   * is that of the content (`digestOfContent`).
   */
  seal(
    frame: {
      readonly kind: FrameKind;
      readonly plain: Uint8Array;
      readonly digest: Uint8Array;
      readonly level: number;
    },
    into: Uint8Array,
    at: number,
  ): number {
    const { plain } = frame;
    const packed = this.#seemsIncompressible(plain) ? undefined : compress(plain, frame.level);
    this.#hadNoGain = packed === undefined;
    const payload = packed ?? plain;
    const header = Buffer.from(into.buffer, into.byteOffset + at, headerBytes);
    header.fill(0);
    magic.copy(header);
    header[4] = frame.kind;
    header[5] = (this.#secrets === undefined ? 0 : sealedFlag) | (packed === undefined ? 0 : zstdFlag);
    header.writeUInt32BE(plain.length, 8);
    header.writeUInt32BE(payload.length, 12);
    header.set(contentId(this.#secrets, frame.digest), 44);
    const payloadAt = at + headerBytes;
    if (this.#secrets === undefined) {
      into.set(payload, payloadAt);
      const length = headerBytes + payload.length;
      if (packed !== undefined) freeBytes(packed);
      return length;
    }
    const key = this.#nextKey(this.#secrets);
    header.set(this.#salt, 16);
    randomFillSync(header, 32, 12);
    const cipher = createCipheriv('aes-256-gcm', key, header.subarray(32, 44));
    cipher.setAAD(header);
    const text = cipher.update(payload);
    cipher.final();
    into.set(text, payloadAt);
    into.set(cipher.getAuthTag(), payloadAt + payload.length);
    const length = headerBytes + payload.length + tagBytes;
    freeBytes(text);
    if (packed !== undefined) freeBytes(packed);
    return length;
  }

  /** A frame of its own: a table, a stretch of an index, details of a document. */
  frame(kind: FrameKind, plain: Uint8Array): Buffer {
    const into = Buffer.alloc(plain.length + frameOverhead);
    return into.subarray(0, this.seal({ kind, plain, digest: digestOfContent(kind, plain), level: 3 }, into, 0));
  }

  /** Blocks of a model's weights come in rows: after one that gained nothing a sample of the next tells enough. */
  #seemsIncompressible(plain: Uint8Array): boolean {
    if (!this.#hadNoGain || plain.length < samples * sampleBytes * 8) return false;
    const step = Math.floor((plain.length - sampleBytes) / (samples - 1));
    const sample = Buffer.alloc(samples * sampleBytes);
    for (let part = 0; part < samples; part += 1)
      sample.set(plain.subarray(part * step, part * step + sampleBytes), part * sampleBytes);
    return compress(sample, 1) === undefined;
  }

  #nextKey(secrets: Secrets): KeyObject {
    if (this.#key === undefined || this.#framesLeft === 0) {
      randomBytes(16).copy(this.#salt);
      this.#key = createSecretKey(frameKey(secrets, this.#salt));
      this.#framesLeft = framesPerSalt;
    }
    this.#framesLeft -= 1;
    return this.#key;
  }
}

/** Opens frames of one repository. */
export class Opener {
  readonly #secrets: Secrets | undefined;
  readonly #keys = new Map<string, KeyObject>();

  constructor(secrets: Secrets | undefined) {
    this.#secrets = secrets;
  }

  /** The plaintext, decrypted, decompressed and compared with its id. ObjectCorrupt with the reason; the caller names the object. */
  open(frame: Uint8Array, kind: FrameKind): Buffer {
    const plain = this.unpack(frame, kind);
    if (!this.isIdOf(frame, digestOfContent(kind, plain))) throw corrupt('content does not have the id of its frame');
    return plain;
  }

  /** The plaintext, decrypted and decompressed, for a caller who compares its digest. ObjectCorrupt. */
  unpack(frame: Uint8Array, kind: FrameKind): Buffer {
    return this.#unpack(frame, parseHeader(frame), kind);
  }

  /** Whether the frame's id is that of a content with this digest. */
  isIdOf(frame: Uint8Array, digest: Uint8Array): boolean {
    return Buffer.compare(contentId(this.#secrets, digest), frame.subarray(44, 76)) === 0;
  }

  /** Only what a read-back needs: the stored bytes are those that were sealed. Without encryption that is the id. */
  authenticate(frame: Uint8Array, kind: FrameKind): void {
    if (this.#secrets === undefined) freeBytes(this.open(frame, kind), frame);
    else freeBytes(this.#decrypt(frame, this.#admit(frame, parseHeader(frame), kind)), frame);
  }

  #unpack(frame: Uint8Array, header: FrameHeader, kind: FrameKind): Buffer {
    const payload = this.#decrypt(frame, this.#admit(frame, header, kind));
    if (!header.compressed) {
      if (payload.length !== header.plainLength) throw corrupt('plain length differs');
      return payload;
    }
    try {
      const plain = zstdDecompressSync(payload, {
        chunkSize: Math.max(header.plainLength, 64),
        maxOutputLength: Math.max(header.plainLength, 64),
      });
      freeBytes(payload, frame);
      if (plain.length === header.plainLength) return plain;
    } catch {
      // Falls through: told below.
    }
    throw corrupt('does not decompress to its plain length');
  }

  #admit(frame: Uint8Array, header: FrameHeader, kind: FrameKind): FrameHeader {
    if (header.kind !== kind) throw corrupt(`is of kind ${header.kind} where ${kind} belongs`);
    if (header.length !== frame.length) throw corrupt(`is ${frame.length} bytes long and claims ${header.length}`);
    if (header.sealed !== (this.#secrets !== undefined))
      throw corrupt(header.sealed ? 'is sealed in an open repository' : 'is not sealed');
    return header;
  }

  #decrypt(frame: Uint8Array, header: FrameHeader): Buffer {
    const payload = Buffer.from(frame.buffer, frame.byteOffset + headerBytes, header.payloadLength);
    if (this.#secrets === undefined) return payload;
    const key = this.#keyOf(this.#secrets, frame.subarray(16, 32));
    const decipher = createDecipheriv('aes-256-gcm', key, frame.subarray(32, 44));
    decipher.setAAD(frame.subarray(0, headerBytes));
    decipher.setAuthTag(frame.subarray(headerBytes + header.payloadLength, header.length));
    const plain = decipher.update(payload);
    try {
      decipher.final();
    } catch {
      throw corrupt('does not authenticate');
    }
    return plain;
  }

  #keyOf(secrets: Secrets, salt: Uint8Array): KeyObject {
    const name = Buffer.from(salt.buffer, salt.byteOffset, salt.length).toString('latin1');
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    // Bounded: a reader of many backups meets many salts.
    if (this.#keys.size >= 256) this.#keys.clear();
    const key = createSecretKey(frameKey(secrets, salt));
    this.#keys.set(name, key);
    return key;
  }
}

/** SHA-256 of what a frame holds: of its plaintext, or over those of the blocks of a bundle. ObjectCorrupt for a bundle that is none. */
export function digestOfContent(kind: FrameKind, plain: Uint8Array): Buffer {
  return kind === frameKinds.bundle ? digestOfBundle(digestsInBundle(plain)) : hash('sha256', plain, 'buffer');
}

/** The SHA-256 of each block, 32 bytes each. ObjectCorrupt. */
export function digestsInBundle(plain: Uint8Array): Buffer {
  const blocks = blocksOfBundle(plain);
  if (blocks === undefined) throw corrupt('holds blocks of lengths that do not fit it');
  const digests = Buffer.allocUnsafe(blocks.length * 32);
  blocks.forEach(({ at, length }, block) =>
    digests.set(hash('sha256', plain.subarray(at, at + length), 'buffer'), block * 32),
  );
  return digests;
}

/** Reads and checks the header alone; bytes after it may be missing. */
export function parseHeader(bytes: Uint8Array): FrameHeader {
  if (bytes.length < headerBytes) throw corrupt('is shorter than a header');
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, headerBytes);
  if (!header.subarray(0, 4).equals(magic)) throw corrupt('has no magic number');
  const flags = header.readUInt8(5);
  const sealed = (flags & sealedFlag) !== 0;
  const compressed = (flags & zstdFlag) !== 0;
  if (flags > 3 || header.readUInt16BE(6) !== 0) throw corrupt('has unknown flags');
  if (!sealed && !header.subarray(16, 44).every((byte) => byte === 0)) throw corrupt('is not sealed and has a nonce');
  const plainLength = header.readUInt32BE(8);
  const payloadLength = header.readUInt32BE(12);
  if (plainLength > maxPlainBytes || payloadLength > plainLength)
    throw corrupt(`claims ${payloadLength} bytes for ${plainLength}`);
  const length = headerBytes + payloadLength + (sealed ? tagBytes : 0);
  return {
    kind: header.readUInt8(4),
    sealed,
    compressed,
    plainLength,
    payloadLength,
    length,
    id: header.subarray(44, 76),
  };
}

/** Undefined where compression gains nothing. */
function compress(plain: Uint8Array, level: number): Buffer | undefined {
  if (plain.length < 64) return undefined;
  const packed = zstdCompressSync(plain, {
    // One output buffer instead of many pieces that must be joined.
    chunkSize: plain.length + 1024,
    pledgedSrcSize: plain.length,
    params: { [constants.ZSTD_c_compressionLevel]: level },
  });
  if (packed.length < plain.length) return packed;
  freeBytes(packed);
  return undefined;
}

function corrupt(reason: string): LifeboatError {
  return new LifeboatError('ObjectCorrupt', `frame ${reason}`);
}
