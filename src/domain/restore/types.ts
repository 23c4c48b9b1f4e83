import type { Role, ComponentKind, Tier, Priority } from '../component.ts';
import type { WalTarget } from './target.ts';
import type { PastRun } from '../plan/durations.ts';

/** What a restore is planned from, and the plan itself. */

export const planVersion = 1;

export const stepKinds = [
  'verify',
  'stage',
  'validate',
  'stop',
  'finish',
  'swap',
  'put-back',
  'start',
  'health',
  'probe',
  'commit',
] as const;

export type StepKind = (typeof stepKinds)[number];

export interface PlanStep {
  readonly id: string;
  readonly kind: StepKind;
  /** Component id or service name; empty for steps of the whole. */
  readonly subject: string;
  readonly queue: { readonly role: Role; readonly host: string };
  readonly after: readonly string[];
  /** The node of the guide's graph that this step belongs to. */
  readonly branch: Branch;
  /** The median of own runs where enough of them did this step, else a seed by size. */
  readonly estimateSeconds: number;
  /** Nine of ten own runs took no longer; absent with a seed. */
  readonly p90Seconds?: number;
}

export const branches = [
  'source',
  'database',
  'configuration',
  'vectorstore',
  'core',
  'application-data',
  'ai',
  'monitoring',
  'health',
] as const;

export type Branch = (typeof branches)[number];

export interface PlanComponent {
  readonly id: string;
  readonly kind: ComponentKind;
  readonly host: string;
  readonly tier: Tier;
  readonly priority: Priority;
  readonly services: readonly string[];
  readonly indexId: string;
  readonly bytes: number;
  /** The recovery point that its artefact is of. */
  readonly backupId: string;
  /** ISO time of the state that comes back. */
  readonly moment: string;
  /** Databases only: how far archived WAL is replayed on top. */
  readonly wal?: WalTarget;
  /** What does not come back, or not to where it was, in words. */
  readonly notes?: readonly string[];
}

/** A component of the recovery point that the configuration has not, or has as another kind. */
export interface PlanMisfit {
  readonly id: string;
  readonly kind: ComponentKind;
  readonly configuredKind: ComponentKind | undefined;
}

export interface PlanService {
  readonly name: string;
  readonly dependsOn: readonly string[];
}

/** What a driver said of the place that it would restore to. */
export interface PlanTarget {
  readonly component: string;
  readonly path: string;
  readonly device: string;
  readonly needBytes: number;
  readonly freeBytes: number;
  readonly liveBytes: number;
  readonly problems: readonly { readonly code: string; readonly message: string; readonly hint: string }[];
}

export interface PlanInput {
  readonly backupId: string;
  readonly appliance: string;
  readonly host: string;
  readonly components: readonly PlanComponent[];
  /** Each is a problem where it is chosen. */
  readonly misfits: readonly PlanMisfit[];
  /** Ids to restore; empty means all of the recovery point. */
  readonly chosen: readonly string[];
  readonly services: readonly PlanService[];
  readonly targets: readonly PlanTarget[];
  /** ISO time of planning: the loss is counted to it. */
  readonly now: string;
  readonly skewSeconds: number;
  readonly stopFirst: boolean;
  readonly replaceDamaged: boolean;
  /** Committed restores of this appliance. */
  readonly pastRuns: readonly PastRun[];
  /** Stored objects that lack; none by default. */
  readonly objectProblems?: readonly PlanProblem[];
}

/** A committed restore, by the run that held the appliance for it. */
export interface UndoneRestore {
  readonly runId: string;
  /** ISO time. */
  readonly lockStart: string;
}

export interface RestorePlan {
  readonly version: number;
  /** Empty in a plan that undoes a restore. */
  readonly backupId: string;
  /** What comes back is not of a recovery point, but what this restore replaced. */
  readonly undoes?: UndoneRestore;
  readonly appliance: string;
  /** The other appliance whose recovery point it is; absent where it is own. */
  readonly foreign?: string;
  readonly components: readonly {
    readonly id: string;
    readonly kind: ComponentKind;
    readonly bytes: number;
    /** A plan of an older version has none: it is the plan's own. */
    readonly backupId?: string;
    readonly moment?: string;
    readonly wal?: WalTarget;
    readonly lossSeconds: number;
    /** What does not come back, or not to where it was, in words; absent where all does. */
    readonly notes?: readonly string[];
  }[];
  /** What the application makes anew afterwards; absent where nothing. */
  readonly rebuilds?: readonly string[];
  /** Services that stop, in the order of stopping. */
  readonly stops: readonly string[];
  readonly steps: readonly PlanStep[];
  readonly disks: readonly {
    readonly device: string;
    readonly path: string;
    readonly needBytes: number;
    readonly freeBytes: number;
  }[];
  readonly skewSeconds: number;
  readonly bytes: number;
  /** Of the longest chain of steps (the critical path). */
  readonly estimateSeconds: number;
  /** The same with each step at the 90th percentile of own runs; as `estimateSeconds` where there are none. */
  readonly p90Seconds: number;
  /** Step ids of the longest chain, in the order of running. */
  readonly criticalPath: readonly string[];
  /** So many own runs the estimate stands on; 0 with seeds only. */
  readonly estimatedFrom: number;
}

export interface PlanProblem {
  readonly code: string;
  readonly subject: string;
  readonly message: string;
  readonly hint: string;
}

export type PlanResult =
  { readonly ok: true; readonly plan: RestorePlan } | { readonly ok: false; readonly problems: readonly PlanProblem[] };
