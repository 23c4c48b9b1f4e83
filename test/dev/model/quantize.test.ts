import fc from 'fast-check';
import { expect, test } from 'vitest';
import { halfFloat, quantizeQ8 } from '../../../src/dev/model/quantize.ts';

test.each([
  [0, 0x0000],
  [1, 0x3c00],
  [0.5, 0x3800],
  [65_504, 0x7bff],
  [1e9, 0x7c00],
  [2 ** -14, 0x0400],
  [2 ** -24, 0x0001],
  [2 ** -26, 0x0000],
  // Half way between two values goes to the even one.
  [1 + 2 ** -11, 0x3c00],
  [1 + 3 * 2 ** -11, 0x3c02],
])('the half precision of %d is as IEEE 754 says', (value, bits) => {
  expect(halfFloat(value)).toBe(bits);
});

test('a Q8_0 block gives every value back within a 254th of its largest', () => {
  const block = fc.float32Array({ minLength: 32, maxLength: 32, min: -4, max: 4, noNaN: true });
  fc.assert(
    fc.property(block, (values) => {
      const bytes = Buffer.from(quantizeQ8(values));
      const scale = fromHalf(bytes.readUInt16LE(0));
      const largest = Math.max(...values.map(Math.abs));
      // Half a step, and 127 times the rounding of the scale itself (2^-11 of it, or a subnormal's fixed step).
      const allowed = largest / 254 + Math.max(largest / 2048, 127 * 2 ** -25) + 1e-9;
      values.forEach((value, index) => {
        expect(Math.abs(bytes.readInt8(2 + index) * scale - value)).toBeLessThanOrEqual(allowed);
      });
    }),
  );
});

function fromHalf(bits: number): number {
  const exponent = bits >> 10;
  const mantissa = bits & 0x3ff;
  return exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
