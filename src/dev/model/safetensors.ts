/** Reads 32-bit float tensors of a safetensors file. */
import { readFile } from 'node:fs/promises';
import { LifeboatError } from '../../domain/errors.ts';
import { parseJson } from '../../json/parse-json.ts';

export interface Tensor {
  /** As PyTorch writes it: slowest-running dimension first. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** All F32 tensors by name; tensors of other types (`position_ids`) are left out. Takes twice the file in memory. */
export async function readSafetensors(path: string): Promise<Map<string, Tensor>> {
  const file = await readFile(path);
  const headerBytes = file.length < 8 ? Number.POSITIVE_INFINITY : Number(file.readBigUInt64LE(0));
  if (8 + headerBytes > file.length)
    throw new LifeboatError('SourceCorrupt', `\`${path}\` is not a whole safetensors file`);
  const header = parseJson(file.subarray(8, 8 + headerBytes).toString('utf8')) as Record<string, HeaderEntry>;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__' || entry.dtype !== 'F32') continue;
    const [begin, end] = entry.data_offsets;
    if (8 + headerBytes + end > file.length)
      throw new LifeboatError('SourceCorrupt', `tensor \`${name}\` of \`${path}\` is cut off`);
    // A copy, because a view would need an offset that is a multiple of 4.
    const bytes = Uint8Array.from(file.subarray(8 + headerBytes + begin, 8 + headerBytes + end));
    tensors.set(name, { shape: entry.shape, values: new Float32Array(bytes.buffer) });
  }
  return tensors;
}
