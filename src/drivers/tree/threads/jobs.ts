/** What the threads that look at trees can be asked. All that travels are plain values. */
import type { CompareJob, Compared } from '../../folder/compare-entries.ts';
import type { WalkOptions } from '../../files/walk.ts';

export type TreeJobs = {
  /** Begins a walk, or goes on with it. */
  readonly walk: { readonly job: WalkJob; readonly result: WalkResult };
  /** Forgets a walk that is not at its end. */
  readonly endWalk: { readonly job: { readonly walk: number }; readonly result: void };
  /** As `treeBytes`. */
  readonly bytes: { readonly job: { readonly path: string }; readonly result: number };
  /** As `syncTree`. */
  readonly sync: { readonly job: { readonly path: string }; readonly result: void };
  /** Compares what stands on disk with entries of an index. */
  readonly compare: { readonly job: CompareJob; readonly result: Compared };
};

export interface WalkJob {
  /** Number of the walk, unique in the process. */
  readonly walk: number;
  /** Given with a walk that begins. */
  readonly options?: WalkOptions;
  /** What was found is only added to the fingerprint. */
  readonly fingerprintOnly: boolean;
}

export interface WalkResult {
  /** A line for each `Found` (found-text.ts). */
  readonly found: string;
  /** At the end: a hash over the names and times of all that was found. */
  readonly fingerprint?: string;
}
