/** Inputs, results, signals, updates and queries of all workflows. Every input is one plain object; `{}` changes nothing. */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CollectedView, RetentionView } from '../activities/upkeep.ts';
import type { ProbeResult } from '../src/domain/recovery-point.ts';
import type { GoalFields } from '../src/domain/recovery-target.ts';
import type { RestorePlan } from '../src/domain/restore-plan.ts';
import { messageNames } from './message-names.ts';

export interface BackupInput {
  /** Component ids; empty means all configured. */
  readonly components?: readonly string[];
  readonly requestedBy?: string;
  readonly reason?: string;
}

export interface BackupResult {
  /** `partial` lacks a component, `suspect` holds one whose source was damaged; neither is ever `latest`. */
  readonly state: 'sealed' | 'partial' | 'suspect' | 'skipped';
  readonly id: string;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly seconds: number;
  readonly lateSeconds: number;
  readonly text: string;
  /** What the point does not carry and the one before did not lack, by component; a run of an older version has none. */
  readonly newlyLeftOut?: readonly string[];
}

export interface RestoreInput extends GoalFields {
  /** Recovery point: a full id, a unique prefix, or `latest`. With a moment: where the database begins. */
  readonly at?: string;
  /** Name of a location whose copy is restored from; the repository where absent. */
  readonly from?: string;
  /** Brings back what the last committed restore replaced, instead of a recovery point. */
  readonly undo?: boolean;
  readonly components?: readonly string[];
  /** Not restored; the application makes them anew after it, in a run of its own. */
  readonly rebuild?: readonly string[];
  readonly reason?: string;
  readonly requestedBy?: string;
  /** Must equal the appliance's name; otherwise the run ends after showing its plan (state `planned`). */
  readonly confirm?: string;
  /** The guide's order: stop before verifying. */
  readonly stopFirst?: boolean;
  /** Delete first what failed its own check, where there is no room for two copies. */
  readonly replaceDamaged?: boolean;
  /** Keep the restored data although health or a probe failed after the swap. */
  readonly keepNew?: boolean;
  /** ISO time of the disaster, where known: the RTO clock begins there. */
  readonly disasterAt?: string;
}

export interface RestoreResult {
  readonly state: 'planned' | 'committed';
  /** Recovery point; `data before <time>` of the restore that was undone. */
  readonly id: string;
  readonly seconds: number;
  readonly steps: readonly StepReport[];
  readonly probes: readonly ProbeResult[];
  readonly safetyCopies: readonly string[];
  readonly rtoBreached: boolean;
  readonly plan: RestorePlan;
  /** Workflow id of the full backup that a committed restore starts. */
  readonly backupWorkflowId: string;
  /** Components that are live and of whose content nothing could be compared; a run of an older version has none. */
  readonly unproven?: readonly string[];
  /** Of the run in which the application builds anew what was not restored. */
  readonly rebuildWorkflowId?: string;
}

export interface RebuildInput {
  /** Vector stores; nothing is done without them. */
  readonly components?: readonly string[];
  /** Must equal the appliance's name. */
  readonly confirm?: string;
  readonly requestedBy?: string;
  readonly reason?: string;
}

export interface RebuildResult {
  readonly built: readonly {
    readonly component: string;
    readonly documents: number;
    /** Path of what was there before; empty where there was nothing. */
    readonly safetyCopy: string;
  }[];
  readonly seconds: number;
}

export interface VerifyBackupInput {
  readonly at?: string;
  readonly components?: readonly string[];
  /** Presence and structure only. */
  readonly quick?: boolean;
  readonly requestedBy?: string;
}

export interface VerifyBackupResult {
  readonly id: string;
  readonly ok: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly problems: readonly string[];
  readonly levels: readonly string[];
}

export interface ProveBackupInput {
  /** Recovery point; `latest` where absent. */
  readonly at?: string;
  readonly components?: readonly string[];
  readonly requestedBy?: string;
}

export interface ProveBackupResult {
  readonly id: string;
  readonly ok: boolean;
  readonly probes: number;
  readonly failed: readonly ProbeResult[];
  /** How many hold, failed and were not compared, in words. A run of an older version has none. */
  readonly text?: string;
  /** Components of whose content nothing could be compared. */
  readonly unproven?: readonly string[];
}

export interface VerifyDailyInput {
  readonly requestedBy?: string;
}

export interface VerifyDailyResult {
  readonly places: readonly {
    /** `repository` or a location. */
    readonly place: string;
    /** Newest recovery point there; empty where there is none, or none could be looked at. */
    readonly id: string;
    /** Empty where all is well. */
    readonly problem: string;
    /** What the guide posts of it (D4.5). */
    readonly literal: string;
    readonly objects: number;
    readonly bytes: number;
    /** Packs of the month's share that were read again. */
    readonly reread: number;
  }[];
}

export interface RpoWatchInput {
  readonly requestedBy?: string;
}

export interface ReplicateInput {
  /** Name of a location; every configured one where absent. */
  readonly location?: string;
  readonly requestedBy?: string;
}

export interface ReplicateResult {
  readonly locations: readonly {
    readonly location: string;
    readonly objects: number;
    readonly bytes: number;
    /** Recovery points that arrived. */
    readonly points: readonly string[];
  }[];
}

export interface RetentionInput {
  /** Without it nothing is removed: the result says what would be. */
  readonly apply?: boolean;
  /** `repository` or a location; all of them where absent. */
  readonly place?: string;
  /** Of recovery points, that may leave a place at once; 0.2 where absent. */
  readonly maxShare?: number;
  readonly requestedBy?: string;
  readonly reason?: string;
}

export interface RetentionResult {
  readonly state: 'planned' | 'done';
  readonly places: readonly {
    readonly place: string;
    readonly plan: RetentionView | null;
    readonly collected: CollectedView | null;
    /** Why nothing was removed; empty where all went well. */
    readonly problem: string;
  }[];
}

export interface WalArchiveInput {
  /** Component id; may be left out where the appliance has one database. */
  readonly component?: string;
  /** Of the first shift; another repository under the same path is an error from then on. */
  readonly repositoryId?: string;
  /** Whether the newest recovery point reached the archive's end after the last shift. */
  readonly isContinuous?: boolean;
  /** Code of the last failure that people were told of. */
  readonly failing?: string;
  /** ISO time at which a full backup was started because of a break. */
  readonly mendingSince?: string;
}

export interface ConfigWatchInput {
  /** In a row, until now. */
  readonly failures?: number;
}

export interface LockInput {
  readonly holder?: string;
  readonly purpose?: string;
}

export interface NotificationInput {
  readonly text?: string;
}

export const stepStates = ['waiting', 'running', 'done', 'failed', 'undone', 'cancelled'] as const;
export type StepState = (typeof stepStates)[number];

export interface StepReport {
  readonly id: string;
  readonly state: StepState;
  readonly seconds: number;
  /** ISO time; absent before it began. */
  readonly startedAt?: string;
  readonly note?: string;
}

/** What the plan said of a step: enough to reckon how long the rest takes. */
export interface StepEstimate {
  readonly id: string;
  readonly after: readonly string[];
  readonly estimateSeconds: number;
}

/** What a run shows of itself: the query `progress`, the details in the UI and the report say the same. */
export interface RunView {
  readonly type: string;
  readonly state: string;
  readonly subject: string;
  readonly startedAt: string;
  readonly steps: readonly StepReport[];
  readonly held: boolean;
  readonly waitingOn: string;
  readonly notes: readonly string[];
  readonly deadline: string;
  /** The steps' estimates and order; empty where the run follows no plan. */
  readonly plan: readonly StepEstimate[];
}

export const progressQuery = defineQuery<RunView>(messageNames.progress);

export interface Actor {
  readonly by?: string;
  readonly reason?: string;
}

export const abortUpdate = defineUpdate<string, [Actor]>(messageNames.abort);
export const holdUpdate = defineUpdate<string, [Actor]>(messageNames.hold);
export const resumeUpdate = defineUpdate<string, [Actor]>(messageNames.resume);
export const releaseSignal = defineSignal(messageNames.release);
