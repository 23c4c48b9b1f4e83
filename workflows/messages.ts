/**
 * Inputs, results, signals, updates and queries of all workflows. Every input is one plain object, as its schema says
 * (src/inputs); `{}` changes nothing.
 */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CollectedView, RetentionView } from '../activities/copies.ts';
import type { BackupType, ProbeResult, backupWorkflows } from '../src/domain/recovery-point.ts';
import type { Question } from '../src/domain/plan/question.ts';
import type { RunState } from '../src/domain/run-state.ts';
import type { TextsOf } from '../src/domain/text-inputs.ts';
import type { InputOf } from '../src/inputs/workflow-inputs.ts';
import { messageNames } from './message-names.ts';
import type { RestorePlan } from '../src/domain/restore/types.ts';

/**
 * What a run is started with: one input, or none. Who starts it in the Temporal UI may send anything in its place, so nothing
 * looks into it before `begin` had it checked.
 */
export type Given<I> = readonly [input?: I | null];

export type BackupInput = InputOf<'fullBackup'>;
export type RestoreInput = InputOf<'restore'>;
export type RebuildInput = InputOf<'rebuild'>;
export type VerifyBackupInput = InputOf<'verifyBackup'>;
export type ProveBackupInput = InputOf<'proveBackup'>;
export type VerifyDailyInput = InputOf<'verifyDaily'>;
export type RpoWatchInput = InputOf<'rpoWatch'>;
export type ReplicateInput = InputOf<'replicate'>;
export type RetentionInput = InputOf<'retention'>;
export type WalArchiveInput = InputOf<'walArchive'>;
export type ConfigWatchInput = InputOf<'configWatch'>;
export type LockInput = TextsOf<'lock'>;
export type NotificationInput = TextsOf<'notification'>;

export interface BackupResult {
  /** `partial` lacks a component, `suspect` holds one whose source was damaged; neither is ever `latest`. */
  readonly state: 'sealed' | 'partial' | 'suspect' | 'skipped';
  readonly id: string;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly seconds: number;
  readonly lateSeconds: number;
  readonly text: string;
  /** What the point does not carry and the one before did not lack, by component. */
  readonly newlyLeftOut?: readonly string[];
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
  /** Components that are live and of whose content nothing could be compared. */
  readonly unproven?: readonly string[];
  /** Id of the run in which the application builds anew what was not restored. */
  readonly rebuildWorkflowId?: string;
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

export interface VerifyBackupResult {
  readonly id: string;
  readonly ok: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly problems: readonly string[];
  readonly levels: readonly string[];
}

export interface ProveBackupResult {
  readonly id: string;
  readonly ok: boolean;
  readonly probes: number;
  readonly failed: readonly ProbeResult[];
  /** How many hold, failed and were not compared, in words. */
  readonly text: string;
  /** Components of whose content nothing could be compared. */
  readonly unproven: readonly string[];
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

export interface ReplicateResult {
  readonly locations: readonly {
    readonly location: string;
    readonly objects: number;
    readonly bytes: number;
    /** Recovery points that arrived. */
    readonly points: readonly string[];
  }[];
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

/** What runs that people start and wait for end with. */
interface Results extends Readonly<Record<(typeof backupWorkflows)[BackupType], BackupResult>> {
  readonly restore: RestoreResult;
  readonly rebuild: RebuildResult;
  readonly proveBackup: ProveBackupResult;
  readonly retention: RetentionResult;
}

export type StartedType = keyof Results;
export type ResultOf<T extends StartedType> = Results[T];

export const stepStates = ['waiting', 'running', 'done', 'failed', 'undone', 'skipped', 'cancelled'] as const;
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
  readonly state: RunState;
  readonly subject: string;
  readonly startedAt: string;
  readonly steps: readonly StepReport[];
  readonly paused: boolean;
  readonly breached: boolean;
  /** What people are asked; the run waits for the answer. */
  readonly questions: readonly Question[];
  readonly waitingOn: string;
  readonly notes: readonly string[];
  readonly deadline: string;
  /** The steps' estimates and order; empty where the run follows no plan. */
  readonly plan: readonly StepEstimate[];
}

export const progressQuery = defineQuery<RunView>(messageNames.progress);

/** Who asks, and why. */
export type Actor = TextsOf<'abort'>;

export const abortUpdate = defineUpdate<string, [Actor]>(messageNames.abort);
export const pauseUpdate = defineUpdate<string, [Actor]>(messageNames.pause);
export const resumeUpdate = defineUpdate<string, [Actor]>(messageNames.resume);
export const decideUpdate = defineUpdate<string, [TextsOf<'decide'>]>(messageNames.decide);
/** The plan that the run has made last; none before. */
export const planQuery = defineQuery<RestorePlan | null>(messageNames.plan);
export const releaseSignal = defineSignal(messageNames.release);
