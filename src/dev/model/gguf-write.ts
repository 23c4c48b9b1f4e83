/** Writes small GGUF files: everything stands in memory before it is written. */
import { open, rename, rm } from 'node:fs/promises';
import {
  aligned,
  defaultAlignment,
  ggufMagic,
  ggufVersion,
  scalarBytes,
  valueTypes,
  type ValueType,
} from '../../inference/gguf-format.ts';

export type MetadataValue =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'u32' | 'i32' | 'f32'; readonly value: number }
  | { readonly type: 'array'; readonly of: 'string'; readonly value: readonly string[] }
  | { readonly type: 'array'; readonly of: 'u32' | 'i32' | 'f32'; readonly value: readonly number[] };

export interface TensorToWrite {
  readonly name: string;
  /** Fastest-running dimension first: the reverse of a PyTorch shape. */
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly data: Uint8Array;
}

/** Writes under a temporary name, makes the bytes durable, then renames over `path`. */
export async function writeGguf(
  path: string,
  metadata: Readonly<Record<string, MetadataValue>>,
  tensors: readonly TensorToWrite[],
): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w', 0o644);
  try {
    const header = encodeHeader(metadata, tensors);
    await file.writeFile(header);
    let written = header.length;
    for (const tensor of tensors) {
      const padding = aligned(written, defaultAlignment) - written;
      await file.writeFile(new Uint8Array(padding));
      await file.writeFile(tensor.data);
      written += padding + tensor.data.length;
    }
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

function encodeHeader(
  metadata: Readonly<Record<string, MetadataValue>>,
  tensors: readonly TensorToWrite[],
): Uint8Array {
  const parts: Uint8Array[] = [
    Buffer.from(ggufMagic),
    number('u32', ggufVersion),
    number('u64', tensors.length),
    number('u64', Object.keys(metadata).length),
  ];
  for (const [key, entry] of Object.entries(metadata)) {
    parts.push(text(key), number('u32', valueTypes.indexOf(entry.type)), value(entry));
  }
  let offset = 0;
  for (const tensor of tensors) {
    offset = aligned(offset, defaultAlignment);
    parts.push(text(tensor.name), number('u32', tensor.dimensions.length));
    parts.push(...tensor.dimensions.map((size) => number('u64', size)));
    parts.push(number('u32', tensor.type), number('u64', offset));
    offset += tensor.data.length;
  }
  const head = Buffer.concat(parts);
  return Buffer.concat([head, new Uint8Array(aligned(head.length, defaultAlignment) - head.length)]);
}

function value(entry: MetadataValue): Uint8Array {
  if (entry.type === 'string') return text(entry.value);
  if (entry.type === 'bool') return Uint8Array.of(entry.value ? 1 : 0);
  if (entry.type !== 'array') return number(entry.type, entry.value);
  const items =
    entry.of === 'string' ? entry.value.map(text) : entry.value.map((item) => number(entry.of as 'u32', item));
  return Buffer.concat([number('u32', valueTypes.indexOf(entry.of)), number('u64', entry.value.length), ...items]);
}

function text(content: string): Uint8Array {
  const bytes = Buffer.from(content);
  return Buffer.concat([number('u64', bytes.length), bytes]);
}

function number(type: Extract<ValueType, 'u32' | 'i32' | 'f32' | 'u64'>, content: number): Uint8Array {
  const bytes = Buffer.alloc(scalarBytes[type] ?? 0);
  if (type === 'u32') bytes.writeUInt32LE(content);
  else if (type === 'i32') bytes.writeInt32LE(content);
  else if (type === 'f32') bytes.writeFloatLE(content);
  else bytes.writeBigUInt64LE(BigInt(content));
  return bytes;
}
