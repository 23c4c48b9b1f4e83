/** The two packed forms in which Redis keeps small collections: listpack and intset. Each element as its text's bytes. */

/** Throws RangeError where the structure leaves the bytes. */
export function* listpackElements(bytes: Buffer): Generator<Buffer> {
  // 4 bytes total size, 2 bytes count (capped), then entries; 0xff ends.
  for (let at = 6; ;) {
    const head = bytes[at];
    if (head === undefined) throw new RangeError('a listpack has no end');
    if (head === 0xff) return;
    let size: number;
    if (head < 0x80) {
      size = 1;
      yield text(head);
    } else if (head < 0xc0) {
      size = 1 + (head & 0x3f);
      yield slice(bytes, at + 1, head & 0x3f);
    } else if (head < 0xe0) {
      size = 2;
      yield text(((((head & 0x1f) << 8) | bytes.readUInt8(at + 1)) << 19) >> 19);
    } else if (head < 0xf0) {
      const length = ((head & 0x0f) << 8) | bytes.readUInt8(at + 1);
      size = 2 + length;
      yield slice(bytes, at + 2, length);
    } else if (head === 0xf0) {
      const length = bytes.readUInt32LE(at + 1);
      size = 5 + length;
      yield slice(bytes, at + 5, length);
    } else if (head <= 0xf4) {
      const width = [2, 3, 4, 8][head - 0xf1]!;
      size = 1 + width;
      yield text(width === 8 ? bytes.readBigInt64LE(at + 1) : bytes.readIntLE(at + 1, width));
    } else {
      throw new RangeError(`listpack encoding ${head}`);
    }
    at += size + backLength(size);
  }
}

export function* intsetElements(bytes: Buffer): Generator<Buffer> {
  const width = bytes.readUInt32LE(0);
  const count = bytes.readUInt32LE(4);
  for (let index = 0; index < count; index++) {
    const at = 8 + index * width;
    yield text(width === 8 ? bytes.readBigInt64LE(at) : bytes.readIntLE(at, width));
  }
}

/** Bytes of the length that follows each entry for reading backwards, 7 bits each. */
function backLength(size: number): number {
  if (size < 128) return 1;
  if (size < 16_384) return 2;
  if (size < 2_097_152) return 3;
  return size < 268_435_456 ? 4 : 5;
}

function slice(bytes: Buffer, from: number, length: number): Buffer {
  if (from + length > bytes.length) throw new RangeError('a listpack entry leaves its listpack');
  return bytes.subarray(from, from + length);
}

function text(value: number | bigint): Buffer {
  return Buffer.from(String(value));
}
