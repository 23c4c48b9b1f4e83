/**
 * The commonest entry of a dump, a string key that lies whole in the bytes at hand, read at once: steps of a generator for
 * each of its fields take several times as long. What is not such an entry is left to the reader.
 */
import { hash } from 'node:crypto';
import { expandLzf } from './lzf.ts';
import { op } from './rdb-steps.ts';

export interface StringEntry {
  readonly key: Buffer;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number | undefined;
  /** As `RdbKey`. */
  readonly digest: string;
  /** Where the next entry begins. */
  readonly end: number;
}

/** Undefined: at this place stands something else, or not all of it is here yet. RangeError where it is damaged. */
export function stringEntryAt(bytes: Buffer, begin: number, wantsValues: boolean): StringEntry | undefined {
  let at = begin;
  let expiresAtMs: number | undefined;
  if (bytes[at] === op.expireMs) {
    if (at + 9 > bytes.length) return undefined;
    expiresAtMs = bytes.readUInt32LE(at + 1) + bytes.readInt32LE(at + 5) * 2 ** 32;
    at += 9;
  }
  if (bytes[at] === op.frequency) at += 2;
  else if (bytes[at] === op.idle) at = lengthAt(bytes, at + 1)?.end ?? bytes.length;
  if (bytes[at] !== 0) return undefined;
  const key = stringAt(bytes, at + 1);
  const value = key && stringAt(bytes, key.end);
  if (value === undefined) return undefined;
  const keyBytes = textOf(bytes, key!);
  if (!wantsValues) return { key: keyBytes, expiresAtMs, digest: '', end: value.end };
  // Uncompressed strings stand in the dump as they are digested.
  const digested =
    key!.form === 'plain' && value.form === 'plain'
      ? bytes.subarray(at, value.end)
      : stringContent(keyBytes, textOf(bytes, value));
  return { key: keyBytes, expiresAtMs, digest: hash('sha256', digested, 'binary'), end: value.end };
}

/** What the digest of a string is made over: an uncompressed entry without its expiry. */
function stringContent(key: Buffer, value: Buffer): Buffer {
  return Buffer.concat([stringHead(key), lengthCode(value.length), value]);
}

/** What stands before the value in it. */
export function stringHead(key: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0), lengthCode(key.length), key]);
}

/** As Redis writes the length of a string. */
export function lengthCode(length: number): Buffer {
  if (length < 64) return Buffer.of(length);
  if (length < 16_384) return Buffer.of(0x40 | (length >> 8), length & 0xff);
  const code = Buffer.alloc(length < 2 ** 32 ? 5 : 9);
  code[0] = length < 2 ** 32 ? 0x80 : 0x81;
  if (length < 2 ** 32) code.writeUInt32BE(length, 1);
  else code.writeBigUInt64BE(BigInt(length), 1);
  return code;
}

interface Found {
  readonly form: 'plain' | 'number' | 'compressed';
  readonly begin: number;
  readonly end: number;
  /** Bytes of the string; of a compressed one, expanded. */
  readonly size: number;
}

function stringAt(bytes: Buffer, at: number): Found | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  if (first >> 6 !== 3) {
    const length = lengthAt(bytes, at);
    return length && within(bytes, { form: 'plain', begin: length.end, end: length.end + length.value, size: 0 });
  }
  const encoding = first & 0x3f;
  if (encoding < 3) return within(bytes, { form: 'number', begin: at + 1, end: at + 1 + 2 ** encoding, size: 0 });
  if (encoding > 3) return undefined;
  const packed = lengthAt(bytes, at + 1);
  const size = packed && lengthAt(bytes, packed.end);
  return size && within(bytes, { form: 'compressed', begin: size.end, end: size.end + packed.value, size: size.value });
}

function within(bytes: Buffer, found: Found): Found | undefined {
  return found.end <= bytes.length ? found : undefined;
}

function lengthAt(bytes: Buffer, at: number): { readonly value: number; readonly end: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  if (first < 64) return { value: first, end: at + 1 };
  if (first < 128)
    return at + 2 > bytes.length ? undefined : { value: ((first & 0x3f) << 8) | bytes[at + 1]!, end: at + 2 };
  // Longer ones do not lie in the bytes at hand.
  return first === 0x80 && at + 5 <= bytes.length ? { value: bytes.readUInt32BE(at + 1), end: at + 5 } : undefined;
}

function textOf(bytes: Buffer, { form, begin, end, size }: Found): Buffer {
  if (form === 'plain') return bytes.subarray(begin, end);
  if (form === 'number') return Buffer.from(String(bytes.readIntLE(begin, end - begin)));
  return expandLzf(bytes.subarray(begin, end), size);
}
