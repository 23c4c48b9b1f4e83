/** Loads a FAISS index in a child process with a memory limit and asks it known queries. */
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import { childScript, withBoundedChild } from '../../inference/bounded-child.ts';
import { refuseUnreadable } from '../folder/readable.ts';
import type { OnDiskLists } from './on-disk-lists.ts';

export interface Neighbours {
  readonly labels: readonly number[];
  readonly distances: readonly number[];
}

export interface IndexFacts {
  readonly total: number;
  readonly dimension: number;
  readonly loadSeconds: number;
  /** Longest of the searches. */
  readonly slowestSeconds: number;
  /** Queries that were asked; fewer than given where some do not fit the dimension. */
  readonly queries: readonly Float32Array[];
  readonly neighbours: readonly Neighbours[];
}

export interface InspectRequest {
  readonly path: string;
  /** Neighbours per query. */
  readonly k: number;
  /** Known queries, or how many to take from the index itself. */
  readonly queries: readonly Float32Array[] | number;
  /** Vectors that were there when the queries became known: a grown index is asked for more neighbours. */
  readonly knownTotal?: number;
  /** Lists on disk that are opened under other names than the index has. */
  readonly lists?: readonly OnDiskLists[];
}

export interface InspectLimits {
  readonly component: string;
  readonly memoryLimitBytes: number;
  readonly signal?: AbortSignal;
}

/**
 * SourceCorrupt where FAISS refuses the file, PermissionDenied where this process may not read it, Precondition where
 * FAISS is not installed, EngineFailed where the child dies (memory limit).
 */
export async function inspectIndex(request: InspectRequest, limits: InspectLimits): Promise<IndexFacts> {
  await refuseUnreadable(request.path, limits.component);
  const script = childScript('index-child', import.meta.url);
  try {
    return await withBoundedChild({ ...limits, script, subject: `the index \`${request.path}\`` }, async (child) =>
      child.request<IndexFacts>(request),
    );
  } catch (error) {
    if (!isLifeboatError(error, 'EngineFailed') || !/ faiss::|Error in /.test(error.message)) throw error;
    throw new LifeboatError('SourceCorrupt', `FAISS refuses \`${request.path}\`: ${error.message}`, {
      component: limits.component,
      cause: error,
    });
  }
}
