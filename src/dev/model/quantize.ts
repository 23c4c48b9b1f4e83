/** Q8_0: blocks of 32 values, each a 16-bit float scale and 32 signed bytes. */

const valuesPerBlock = 32;
const blockBytes = 2 + valuesPerBlock;

/** `values.length` must be a multiple of 32. */
export function quantizeQ8(values: Float32Array): Uint8Array {
  const blocks = values.length / valuesPerBlock;
  const result = Buffer.alloc(blocks * blockBytes);
  for (let block = 0; block < blocks; block += 1) {
    const from = block * valuesPerBlock;
    let largest = 0;
    for (let index = 0; index < valuesPerBlock; index += 1)
      largest = Math.max(largest, Math.abs(values[from + index] ?? 0));
    const scale = largest / 127;
    const inverse = scale === 0 ? 0 : 1 / scale;
    const at = block * blockBytes;
    result.writeUInt16LE(halfFloat(scale), at);
    for (let index = 0; index < valuesPerBlock; index += 1)
      result.writeInt8(Math.round((values[from + index] ?? 0) * inverse), at + 2 + index);
  }
  return result;
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** The bits of a non-negative number as IEEE 754 half precision, rounded to nearest, ties to even. */
export function halfFloat(value: number): number {
  single[0] = value;
  const bits = singleBits[0] ?? 0;
  const exponent = (bits >>> 23) - 127 + 15;
  const mantissa = bits & 0x7fffff;
  if (exponent >= 31) return 0x7c00;
  if (exponent <= 0) return exponent < -10 ? 0 : roundedShift(mantissa | 0x800000, 14 - exponent);
  // A carry out of the mantissa raises the exponent by itself.
  return (exponent << 10) + roundedShift(mantissa, 13);
}

function roundedShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value - kept * 2 ** shift;
  const half = 2 ** (shift - 1);
  return kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0);
}
