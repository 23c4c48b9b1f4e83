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
  const index =
    options.factory === undefined
      ? new faiss.IndexFlatL2(dimension)
      : faiss.Index.fromFactory(dimension, options.factory, faiss.MetricType.METRIC_L2);
  for (let id = 0; id < vectors; id += 1) index.add(vectorOf(id));
  const metadata = {
    identifier: 'default',
    embedding_model: options.embeddingModel ?? 'all-MiniLM-L6-v2',
    document_count: options.documentCount ?? vectors,
  };
  return [
    [join(folder, 'faiss_index.faiss'), withIds(index.toBuffer(), vectors, options.ids)],
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
