/** Facts of the GGUF file format, version 2 and 3, little-endian. */

export const ggufMagic = 'GGUF';
export const ggufVersion = 3;
export const defaultAlignment = 32;

/** Types of metadata values by their number in the file. */
export const valueTypes = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const;
export type ValueType = (typeof valueTypes)[number];

/** Bytes of one scalar; strings and arrays carry their own length. */
export const scalarBytes: Readonly<Partial<Record<ValueType, number>>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
};

interface TensorType {
  readonly name: string;
  /** Elements per block and bytes of one block. */
  readonly elements: number;
  readonly bytes: number;
}

/** How many bytes a tensor takes, by its type's number. A number that is missing here is newer than this table. */
export const tensorTypes: Readonly<Record<number, TensorType>> = {
  0: { name: 'F32', elements: 1, bytes: 4 },
  1: { name: 'F16', elements: 1, bytes: 2 },
  2: { name: 'Q4_0', elements: 32, bytes: 18 },
  3: { name: 'Q4_1', elements: 32, bytes: 20 },
  6: { name: 'Q5_0', elements: 32, bytes: 22 },
  7: { name: 'Q5_1', elements: 32, bytes: 24 },
  8: { name: 'Q8_0', elements: 32, bytes: 34 },
  9: { name: 'Q8_1', elements: 32, bytes: 36 },
  10: { name: 'Q2_K', elements: 256, bytes: 84 },
  11: { name: 'Q3_K', elements: 256, bytes: 110 },
  12: { name: 'Q4_K', elements: 256, bytes: 144 },
  13: { name: 'Q5_K', elements: 256, bytes: 176 },
  14: { name: 'Q6_K', elements: 256, bytes: 210 },
  15: { name: 'Q8_K', elements: 256, bytes: 292 },
  16: { name: 'IQ2_XXS', elements: 256, bytes: 66 },
  17: { name: 'IQ2_XS', elements: 256, bytes: 74 },
  18: { name: 'IQ3_XXS', elements: 256, bytes: 98 },
  19: { name: 'IQ1_S', elements: 256, bytes: 50 },
  20: { name: 'IQ4_NL', elements: 32, bytes: 18 },
  21: { name: 'IQ3_S', elements: 256, bytes: 110 },
  22: { name: 'IQ2_S', elements: 256, bytes: 82 },
  23: { name: 'IQ4_XS', elements: 256, bytes: 136 },
  24: { name: 'I8', elements: 1, bytes: 1 },
  25: { name: 'I16', elements: 1, bytes: 2 },
  26: { name: 'I32', elements: 1, bytes: 4 },
  27: { name: 'I64', elements: 1, bytes: 8 },
  28: { name: 'F64', elements: 1, bytes: 8 },
  29: { name: 'IQ1_M', elements: 256, bytes: 56 },
  30: { name: 'BF16', elements: 1, bytes: 2 },
  34: { name: 'TQ1_0', elements: 256, bytes: 54 },
  35: { name: 'TQ2_0', elements: 256, bytes: 66 },
  39: { name: 'MXFP4', elements: 32, bytes: 17 },
};

export const f32 = 0;
export const q8 = 8;

/** Rounds up to the next multiple. */
export function aligned(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

/** Bytes of a tensor, or undefined for a type that this table does not know. */
export function tensorBytes(type: number, dimensions: readonly number[]): number | undefined {
  const facts = tensorTypes[type];
  if (facts === undefined) return undefined;
  return (dimensions.reduce((product, size) => product * size, 1) / facts.elements) * facts.bytes;
}
