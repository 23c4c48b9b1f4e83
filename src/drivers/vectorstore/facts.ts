/** What is sealed with a vector store, so that the restored one can be proven. */
import { join } from 'node:path';
import type { LeftOutAttributes } from '../attributes/capture.ts';
import type { ChangedMeanwhile } from '../folder/meanwhile.ts';
import type { FolderPlace } from '../folder/link-probes.ts';
import type { FolderOwner } from '../folder/walk-folder.ts';
import type { StoreFile } from './files.ts';
import type { IndexFacts, Neighbours } from './inspect-index.ts';

/** D6.8: neighbours that a search asks for, and the longest time that is not slow. */
export const searchK = 5;
export const slowSearchSeconds = 2;
export const knownQueries = 10;

export interface StoreFacts {
  /** Relative to the component's folder; `` for itself. */
  readonly folder: string;
  /** Where the bytes of a file lie whose name is a link. */
  readonly files?: Partial<Readonly<Record<StoreFile, string>>>;
  /** Files with inverted lists, as the index names them one after the other. A recovery point of an older version does not say. */
  readonly lists?: readonly string[];
  readonly total: number;
  readonly dimension: number;
  readonly documentCount: number | null;
  readonly embeddingModel: string | null;
  readonly k: number;
  readonly queries: readonly {
    readonly vector: string;
    readonly labels: readonly number[];
    readonly distances: readonly number[];
  }[];
}

export interface VectorstoreFacts extends LeftOutAttributes, ChangedMeanwhile {
  readonly owner: FolderOwner;
  /** A recovery point of an older version does not say it. */
  readonly place?: FolderPlace;
  readonly stores: readonly StoreFacts[];
  /** Identity of the stores' files as they were inspected. A recovery point of an older version has none. */
  readonly identity?: string;
  /** Whether a write to them after that cannot leave the identity as it is. A recovery point of an older version does not say. */
  readonly settled?: boolean;
}

/** Where a file of the store lies below the component's folder: what a link of its name leads to, or itself. */
export function storeFilePath({ folder, files }: Pick<StoreFacts, 'folder' | 'files'>, name: StoreFile): string {
  return files?.[name] ?? join(folder, name);
}

/** Vectors as base64 of little-endian 32-bit floats: JSON numbers would take three times the room. */
export function sealQueries({ queries, neighbours }: IndexFacts): StoreFacts['queries'] {
  return neighbours.map(({ labels, distances }, index) => {
    const vector = queries[index] ?? new Float32Array();
    return {
      vector: Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64'),
      labels,
      distances,
    };
  });
}

export function openQuery({ vector, labels, distances }: StoreFacts['queries'][number]): {
  readonly query: Float32Array;
  readonly neighbours: Neighbours;
} {
  const bytes = Uint8Array.from(Buffer.from(vector, 'base64'));
  return { query: new Float32Array(bytes.buffer), neighbours: { labels, distances } };
}
