/** What a restore is planned from, and the plan itself. */
import type { ComponentKind, Priority, Tier } from '../component.ts';
import type { Plan, PlanProblem, Step } from '../plan/plan.ts';
import type { WalTarget } from './target.ts';
import type { PastRun } from '../plan/durations.ts';

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
  'remove',
] as const;

export type StepKind = (typeof stepKinds)[number];

export interface PlanStep extends Step<StepKind> {
  /** The node of the guide's graph that this step belongs to. */
  readonly branch: Branch;
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
  readonly keepNew: boolean;
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

export interface RestorePlan extends Plan<PlanStep> {
  /** Empty in a plan that undoes a restore. */
  readonly backupId: string;
  /** What comes back is not of a recovery point, but what this restore replaced. */
  readonly undoes?: UndoneRestore;
  /** The other appliance whose recovery point it is; absent where it is own. */
  readonly foreign?: string;
  readonly components: readonly {
    readonly id: string;
    readonly kind: ComponentKind;
    readonly bytes: number;
    /** The plan's own where absent. */
    readonly backupId?: string;
    readonly moment?: string;
    readonly wal?: WalTarget;
    readonly lossSeconds: number;
    /** Where it goes live. Absent in an undo, whose old data lies there. */
    readonly target?: { readonly path: string; readonly device: string };
    /** What does not come back, or not to where it was, in words; absent where all does. */
    readonly notes?: readonly string[];
  }[];
  /** What the application makes anew afterwards; absent where nothing. */
  readonly rebuilds?: readonly string[];
  /** Configured components that the recovery point does not hold: they stay as they are. Absent in an undo. */
  readonly notHeld?: readonly string[];
  /** Newer recovery points that `latest` passed over, each with its reason. Absent in an undo. */
  readonly passedOver?: readonly string[];
  /** Services that stop, in the order of stopping. */
  readonly stops: readonly string[];
  /** A failed probe or health check is told, and the new data stays. */
  readonly keepNew: boolean;
  /** Live data that failed its own check is deleted first, where two copies do not fit. */
  readonly replaceDamaged: boolean;
  readonly disks: readonly {
    readonly device: string;
    readonly path: string;
    readonly needBytes: number;
    readonly freeBytes: number;
  }[];
  readonly skewSeconds: number;
  readonly bytes: number;
  /** Seconds of the longest chain of steps (the critical path). */
  readonly estimateSeconds: number;
  /** The same with each step at the 90th percentile of own runs; as `estimateSeconds` where there are none. */
  readonly p90Seconds: number;
  /** Step ids of the longest chain, in the order of running. */
  readonly criticalPath: readonly string[];
  /** So many own runs the estimate stands on; 0 with seeds only. */
  readonly estimatedFrom: number;
}

/** Before its hash is made, which is no matter of the domain. */
export type UnhashedPlan = Omit<RestorePlan, 'hash'>;

export type PlanResult =
  | { readonly ok: true; readonly plan: UnhashedPlan }
  | { readonly ok: false; readonly problems: readonly PlanProblem[] };
