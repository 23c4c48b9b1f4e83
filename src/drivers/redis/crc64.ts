/**
 * The checksum at the end of a Redis dump: CRC-64/REDIS (Jones polynomial, reflected, no inversion; the check value of
 * `123456789` is e9c6d914c4b8d9ca). JavaScript has no fast 64-bit integers, so each word is a low and a high half, and
 * eight bytes are taken at once through eight tables.
 */
const tables = makeTables();

export class Crc64 {
  #low = 0;
  #high = 0;

  update(bytes: Uint8Array, from = 0, to = bytes.length): void {
    const { low: tableLow, high: tableHigh } = tables;
    let low = this.#low;
    let high = this.#high;
    let at = from;
    for (const end = to - 7; at < end; at += 8) {
      const a = low ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
      const b = high ^ (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24));
      const i0 = 0x700 | (a & 255);
      const i1 = 0x600 | ((a >>> 8) & 255);
      const i2 = 0x500 | ((a >>> 16) & 255);
      const i3 = 0x400 | (a >>> 24);
      const i4 = 0x300 | (b & 255);
      const i5 = 0x200 | ((b >>> 8) & 255);
      const i6 = 0x100 | ((b >>> 16) & 255);
      const i7 = b >>> 24;
      low =
        tableLow[i0]! ^
        tableLow[i1]! ^
        tableLow[i2]! ^
        tableLow[i3]! ^
        tableLow[i4]! ^
        tableLow[i5]! ^
        tableLow[i6]! ^
        tableLow[i7]!;
      high =
        tableHigh[i0]! ^
        tableHigh[i1]! ^
        tableHigh[i2]! ^
        tableHigh[i3]! ^
        tableHigh[i4]! ^
        tableHigh[i5]! ^
        tableHigh[i6]! ^
        tableHigh[i7]!;
    }
    for (; at < to; at++) {
      const index = (low ^ bytes[at]!) & 255;
      low = ((low >>> 8) | (high << 24)) ^ tableLow[index]!;
      high = (high >>> 8) ^ tableHigh[index]!;
    }
    this.#low = low;
    this.#high = high;
  }

  /** The sum so far, as 16 hex digits. */
  digest(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0');
  }
}

/** Table n gives the effect of a byte that n more bytes follow. */
function makeTables(): { low: Int32Array; high: Int32Array } {
  const low = new Int32Array(8 * 256);
  const high = new Int32Array(8 * 256);
  const reflected = reflect(0xad93d23594c935a9n);
  for (let byte = 0; byte < 256; byte++) {
    let word = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) word = (word & 1n) === 1n ? (word >> 1n) ^ reflected : word >> 1n;
    low[byte] = Number(BigInt.asIntN(32, word));
    high[byte] = Number(BigInt.asIntN(32, word >> 32n));
  }
  for (let index = 256; index < 8 * 256; index++) {
    const previousLow = low[index - 256]!;
    const previousHigh = high[index - 256]!;
    const carried = previousLow & 255;
    low[index] = ((previousLow >>> 8) | (previousHigh << 24)) ^ low[carried]!;
    high[index] = (previousHigh >>> 8) ^ high[carried]!;
  }
  return { low, high };
}

function reflect(word: bigint): bigint {
  let reflected = 0n;
  for (let bit = 0n; bit < 64n; bit++) if ((word >> bit) & 1n) reflected |= 1n << (63n - bit);
  return reflected;
}
