/** Where data is staged before a swap: beside the live path, under a hidden name of its own per run and attempt. */
import type { JsonValue } from '../../domain/recovery-point.ts';
import type { FencingToken } from '../driver.ts';
import type { SwapTarget } from './swap.ts';

export interface StagedReceipt {
  readonly token: FencingToken;
  /** What was staged: the index id of the component's record. */
  readonly source: string;
  /** Live path to staged path. */
  readonly staged: Readonly<Record<string, string>>;
  /** The driver's own facts of the staging. */
  readonly facts: Readonly<Record<string, JsonValue>>;
}

/**
 * The staging path of one live path: `<folder>/.lifeboat-<component>-staging-<run>-<attempt>-<path>`. The folder is
 * the live path's parent; the mount root where the live path is a mount point or its parent is not writable; the
 * parent of the link's target where it is a symlink. Creates nothing.
 */
export async function stagingPath(live: string, component: string, token: FencingToken): Promise<string> {
  throw new Error(`not there yet: ${live} ${component} ${token.runId}`);
}

/** Makes the staging path an empty 0700 directory (missing parents too), removing what this attempt left there. */
export async function makeStaging(live: string, component: string, token: FencingToken): Promise<string> {
  throw new Error(`not there yet: ${live} ${component} ${token.runId}`);
}

/** Records durably that this attempt staged everything. Until then nobody else sees the staging. */
export async function markStaged(
  target: Pick<SwapTarget, 'component' | 'lives' | 'token'>,
  receipt: Omit<StagedReceipt, 'token'>,
): Promise<void> {
  throw new Error(`not there yet: ${target.component} ${receipt.source}`);
}

/** The newest complete staging of the token's run for this source (any attempt), or undefined. */
export async function findStaged(
  target: Pick<SwapTarget, 'component' | 'lives' | 'token'>,
  source: string,
): Promise<StagedReceipt | undefined> {
  throw new Error(`not there yet: ${target.component} ${source}`);
}

/** Removes all staging of the component (every attempt and older run) that no unfinished swap needs. Under the lease. */
export async function removeStaging(target: SwapTarget): Promise<void> {
  throw new Error(`not there yet: ${target.component}`);
}
