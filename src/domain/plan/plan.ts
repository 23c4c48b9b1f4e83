/** What every plan is made of, whatever procedure it belongs to. Pure. */
import type { Role } from '../component.ts';

/**
 * What happens when a step fails: `unwind` undoes all that was done, `continue` tells it and goes on, `ask` waits for a
 * person. After the pivot nothing is undone: there `unwind` is told like `continue`.
 */
export const failurePolicies = ['unwind', 'continue', 'ask'] as const;
export type FailurePolicy = (typeof failurePolicies)[number];

/** A step that waits for people before it begins. */
export interface Gate {
  readonly question: string;
  /** From when the step could begin. */
  readonly deadlineSeconds: number;
  /** What counts as answered when nobody has until then. */
  readonly byDefault: 'approve' | 'reject';
}

export interface Step<K extends string = string> {
  readonly id: string;
  readonly kind: K;
  /** Component id or service name; empty for steps of the whole. */
  readonly subject: string;
  readonly queue: { readonly role: Role; readonly host: string };
  /** Ids of the steps that end before it begins. */
  readonly after: readonly string[];
  /** The pivot lies between both phases: what is done behind it is not taken back. */
  readonly phase: 'before-pivot' | 'after-pivot';
  readonly onFailure: FailurePolicy;
  readonly gate?: Gate;
  /** The median of own runs where enough of them did this step, else a seed by size. */
  readonly estimateSeconds: number;
  /** Nine of ten own runs took no longer; absent with a seed. */
  readonly p90Seconds?: number;
}

export interface Plan<S extends Step = Step> {
  /** Version of the engine that understands the plan. */
  readonly version: number;
  readonly appliance: string;
  readonly steps: readonly S[];
  /** SHA-256 over everything that a person agrees to, hex. */
  readonly hash: string;
}

export interface PlanProblem {
  readonly code: string;
  readonly subject: string;
  readonly message: string;
  readonly hint: string;
}
