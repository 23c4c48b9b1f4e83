/** What the activities of one component are asked, in every procedure that restores: a restore, its undo, a restore test. */
import type { ComponentRequest } from '../../activities/component.ts';
import type { FencingToken } from '../../src/domain/fencing-token.ts';
import type { ProbeResult } from '../../src/domain/recovery-point.ts';
import type { PlanStep, RestorePlan } from '../../src/domain/restore/types.ts';
import type { priority } from '../proxies.ts';
import type { RunDisplay } from '../run/display.ts';

/** What the actions of a restore work on, and what they have found. */
export interface RestoreContext {
  readonly plan: Pick<RestorePlan, 'backupId' | 'replaceDamaged' | 'undoes' | 'stops'> & {
    readonly components: readonly Pick<RestorePlan['components'][number], 'id' | 'backupId' | 'wal'>[];
  };
  readonly repositoryId: string;
  /** Which copy of the repository is read; the repository itself where empty. */
  readonly copy: { readonly location?: string };
  /** ISO time: the fencing token's first part. */
  readonly lockSince: string;
  readonly runId: string;
  readonly priority: (typeof priority)[keyof typeof priority];
  readonly display: RunDisplay;
  /** By component. */
  readonly staged: Map<string, FencingToken>;
  /** Services that a step stopped: an undo starts no others. */
  readonly stopped: Set<string>;
  /** All so far, failed ones too. */
  readonly probes: ProbeResult[];
  readonly safetyCopies: string[];
}

export function newContext(
  given: Omit<RestoreContext, 'staged' | 'stopped' | 'probes' | 'safetyCopies'>,
): RestoreContext {
  return { ...given, staged: new Map(), stopped: new Set(), probes: [], safetyCopies: [] };
}

export function componentRequest({ subject }: PlanStep, context: RestoreContext): ComponentRequest {
  const { plan, repositoryId, copy, lockSince, runId, staged } = context;
  const { backupId = plan.backupId, wal } = plan.components.find(({ id }) => id === subject) ?? {};
  return {
    repositoryId,
    backupId,
    ...copy,
    ...(wal === undefined ? {} : { wal }),
    component: subject,
    lockSince,
    runId,
    staged: staged.get(subject) ?? null,
    replaceDamaged: plan.replaceDamaged,
  };
}
