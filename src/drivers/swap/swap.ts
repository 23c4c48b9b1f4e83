/**
 * Makes staged data live and back, as a journaled unit of one or more path pairs of one component.
 * The journal lies beside the first live path as `.lifeboat-<component>.journal.json` (inside it, where the live path
 * is a mount point), is made durable before and after every move, and names the mode of each pair. Killed after any
 * move, `settle` goes forward or back.
 *
 * A driver uses it in this order: `makeStaging` → fill it → `markStaged` … `findStaged` → `swapIn`, then either
 * `swapBack` + `removeStaging` (undo) or `removeStaging` (commit) and, days later, `discardSafetyCopies`.
 * Staging is per attempt; `findStaged` gives a later step the newest complete staging of the same run, whichever
 * attempt made it.
 *
 * Fencing: every function that changes live data takes the component's lease (beside the journal) with its token and
 * compares both again directly before each move. Within a run `attempt` must never fall from one step to the next.
 */
import type { FencingToken } from '../driver.ts';

export interface SwapPair {
  /** Live path: a directory or a file. It may be absent (the disaster removed it). */
  readonly live: string;
  /** Staged path on the same filesystem, from `makeStaging` or `stagingPath`. Ignored with `remove`. */
  readonly staged: string;
  /** The live path must be absent afterwards. Without it a missing staged path is refused before anything moves. */
  readonly remove?: boolean;
}

/** Which component's journal: the first live path decides where journal and lease lie, so keep the order stable. */
export interface SwapTarget {
  readonly component: string;
  /** Every live path of the component, in the same order at every call. */
  readonly lives: readonly string[];
  readonly token: FencingToken;
  readonly tuning?: SwapTuning;
}

export interface SwapOptions {
  readonly component: string;
  readonly pairs: readonly SwapPair[];
  readonly token: FencingToken;
  readonly tuning?: SwapTuning;
}

export interface SwapTuning {
  /** Age at which a lease that its holder no longer renews may be taken over. Default 15,000. */
  readonly leaseMs?: number;
  /** How long to wait for a living holder before LockHeld. Default 60,000. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
  /** Called after every durable step with its name: telemetry may count here, tests pause or kill here. */
  readonly onStep?: (step: string) => Promise<void> | void;
}

/**
 * What stands on disk.
 * - `none`: never swapped, or the journal is gone
 * - `swapping`, `backing`: in progress or killed half way; `settle` finishes it
 * - `swapped`: the staged data is live, the old data is aside
 * - `back`: the old data is live again
 */
export type SwapPhase = 'none' | 'swapping' | 'swapped' | 'backing' | 'back';

export interface SwapState {
  readonly phase: SwapPhase;
  readonly token?: FencingToken;
  /** Paths of old data that still exist, this run's and those of earlier runs. */
  readonly safetyCopies: readonly string[];
}

/**
 * Makes every staged path live; the old data is kept beside it as `<live>.lifeboat-aside-<run>`.
 * A second call of the same run after success does nothing; an interrupted swap of the same run goes forward,
 * one of another run is settled first.
 * Before anything moves: every staged path exists and lies on the filesystem of its live path.
 * Errors: Fenced, LockHeld, Precondition, PermissionDenied, SwapIncomplete.
 */
export async function swapIn(options: SwapOptions): Promise<void> {
  throw new Error(`not there yet: ${options.component}`);
}

/**
 * Puts the old data back and the restored data into its staging path; a live path that was absent before is absent
 * again. Does nothing where this run swapped nothing (or already went back): safe at any state.
 * Errors: Fenced, LockHeld, SwapIncomplete.
 */
export async function swapBack(target: SwapTarget): Promise<'restored' | 'nothing'> {
  throw new Error(`not there yet: ${target.component}`);
}

/**
 * Finishes a swap that was killed: a swap goes forward where everything that it still needs is there, else back;
 * a swap-back goes on backwards. Called by `swapIn` and `swapBack`; `doctor` and a restarted worker may call it too.
 */
export async function settle(target: SwapTarget): Promise<SwapState> {
  throw new Error(`not there yet: ${target.component}`);
}

/** Reads only; takes no lease. */
export async function swapState(target: Pick<SwapTarget, 'component' | 'lives'>): Promise<SwapState> {
  throw new Error(`not there yet: ${target.component}`);
}

/** Deletes the old data of finished swaps; settles first. Returns the paths that were removed. */
export async function discardSafetyCopies(target: SwapTarget): Promise<readonly string[]> {
  throw new Error(`not there yet: ${target.component}`);
}

/**
 * `--replace-damaged`: deletes the live data before the new is staged, for there is no room for both. There is no way
 * back from it. Only for data that failed its own check, with its services stopped, when the recovery point is verified.
 */
export async function clearLive(target: SwapTarget): Promise<void> {
  throw new Error(`not there yet: ${target.component}`);
}
