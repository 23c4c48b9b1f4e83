import type { FencingToken } from '../../domain/fencing-token.ts';

export interface SwapPair {
  /** Live path: a directory or a file. It may be absent (the disaster removed it). */
  readonly live: string;
  /** Staged path on the same filesystem: a `makeStaging` or `stagingPath`, or a path inside it. Ignored with `remove`. */
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

export interface SwapOptions extends SwapTarget {
  /** May leave out live paths of which nothing was captured: they stay as they are. */
  readonly pairs: readonly SwapPair[];
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
