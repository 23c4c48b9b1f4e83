/**
 * Makes staged data live and back, as a journaled unit of one or more path pairs of one component.
 * The journal lies beside the first live path as `.lifeboat-<component>.journal.json`, is fsynced before and after
 * every rename, and names the mode of each pair. Killed after any rename, `settle` goes forward or back.
 */
import type { FencingToken } from '../driver.ts';

export interface SwapPair {
  /** Live path: a directory or a file. It may be absent (the disaster removed it). */
  readonly live: string;
  /** Staged path on the same filesystem. Absent staged means: live must be absent afterwards. */
  readonly staged: string;
}

export interface SwapOptions {
  readonly component: string;
  readonly pairs: readonly SwapPair[];
  readonly token: FencingToken;
}
