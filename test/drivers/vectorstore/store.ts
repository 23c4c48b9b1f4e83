/** A real FAISS index with its two companions, as an application writes them. */
import { renameSync, writeFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import faiss from 'faiss-node';
import type { VectorstoreConfig } from '../../../src/domain/appliance.ts';

export interface StoreOptions {
  readonly vectors?: number;
  readonly documentCount?: number;
  readonly embeddingModel?: string;
  /** A FAISS factory text such as `HNSW16`; a flat L2 index without it. */
  readonly factory?: string;
  /** Ids that the application gave its vectors: an `IndexIDMap2` around the index. */
  readonly ids?: (id: number) => bigint;
  /** Where the index keeps its lists: `name` is what the index says, the file itself without it. */
  readonly lists?: { readonly file: string; readonly name?: string };
}

export const dimension = 16;

export async function writeStore(folder: string, options: StoreOptions = {}): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [path, content] of makeFiles(folder, options)) {
    await writeFile(`${path}.tmp`, content);
    await rename(`${path}.tmp`, path);
  }
}

/** A flat store with so many vectors, written between two instructions of the caller. */
export function writeStoreSync(folder: string, vectors: number): void {
  for (const [path, content] of makeFiles(folder, { vectors })) {
    writeFileSync(`${path}.tmp`, content);
    renameSync(`${path}.tmp`, path);
  }
}

function makeFiles(folder: string, options: StoreOptions): [path: string, content: Uint8Array][] {
  const vectors = options.vectors ?? 200;
  const { factory = options.lists === undefined ? undefined : 'IVF4,Flat' } = options;
  const index =
    factory === undefined
      ? new faiss.IndexFlatL2(dimension)
      : faiss.Index.fromFactory(dimension, factory, faiss.MetricType.METRIC_L2);
  const all = Array.from({ length: vectors }, (_, id) => vectorOf(id));
  if (!index.isTrained()) index.train(all.flat());
  for (const vector of all) index.add(vector);
  const { bytes, lists } = withLists(index.toBuffer(), options.lists);
  const metadata = {
    identifier: 'default',
    embedding_model: options.embeddingModel ?? 'all-MiniLM-L6-v2',
    document_count: options.documentCount ?? vectors,
  };
  return [
    ...lists,
    [join(folder, 'faiss_index.faiss'), withIds(bytes, vectors, options.ids)],
    // Begins as a pickle that would run a command if anybody unpickled it.
    [join(folder, 'faiss_index.pkl'), Buffer.from("cos\nsystem\n(S'exit 1'\ntR.")],
    [join(folder, 'metadata.json'), Buffer.from(JSON.stringify(metadata))],
  ];
}

/** The wrapper's header is the inner index's with another kind; the ids follow it, after their number. */
function withIds(inner: Buffer, vectors: number, ids: StoreOptions['ids']): Buffer {
  if (ids === undefined) return inner;
  const header = Buffer.from(inner.subarray(0, 37));
  header.write('IxM2', 0, 'latin1');
  const list = Buffer.alloc(8 + vectors * 8);
  list.writeBigUInt64LE(BigInt(vectors), 0);
  for (let id = 0; id < vectors; id += 1) list.writeBigInt64LE(ids(id), 8 + id * 8);
  return Buffer.concat([header, inner, list]);
}

export function vectorOf(id: number): number[] {
  return Array.from({ length: dimension }, (_, axis) => Math.sin(id * 12.9898 + axis * 78.233));
}

export function configOf(path: string, fields: Partial<VectorstoreConfig> = {}): VectorstoreConfig {
  return {
    id: 'vectorstore',
    kind: 'vectorstore',
    host: 'main',
    tier: 'critical',
    priority: 2,
    services: [],
    path,
    quietSeconds: 0.05,
    memoryLimit: 256 * 2 ** 20,
    embeddingModel: 'all-MiniLM-L6-v2',
    rebuild: undefined,
    ...fields,
  };
}

/** As `OnDiskInvertedLists` has them: what stood in the index is a file of its own, and the index says where in it. */
function withLists(
  inner: Buffer,
  to: StoreOptions['lists'],
): { readonly bytes: Buffer; readonly lists: [path: string, content: Uint8Array][] } {
  const begin = inner.indexOf('ilar');
  if (to === undefined) return { bytes: inner, lists: [] };
  const [count, codeBytes] = [Number(inner.readBigUInt64LE(begin + 4)), Number(inner.readBigUInt64LE(begin + 12))];
  // The kind of the sizes and their number come before them.
  const sizes = Array.from({ length: count }, (_, list) => Number(inner.readBigUInt64LE(begin + 32 + list * 8)));
  const numbers = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(values.length * 8);
    for (const [at, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), at * 8);
    return bytes;
  };
  let offset = 0;
  const places = sizes.flatMap((size) => {
    const place = [size, size, offset];
    offset += size * (codeBytes + 8);
    return place;
  });
  const name = Buffer.from(to.name ?? to.file);
  const head = inner.subarray(begin + 4, begin + 20);
  return {
    bytes: Buffer.concat([
      inner.subarray(0, begin),
      Buffer.from('ilod'),
      head,
      numbers(count, ...places, 0, name.length),
      name,
      numbers(offset),
    ]),
    lists: [[to.file, inner.subarray(begin + 32 + count * 8)]],
  };
}
