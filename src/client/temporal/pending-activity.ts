/** A pending activity as a watcher sees it. */
import { defaultPayloadConverter } from '@temporalio/client';
import type { BeatDetails } from '../../../activities/call/heartbeat.ts';

export const pendingStates = ['queued', 'running', 'retrying', 'stopping'] as const;
/** queued: no worker took it yet. retrying: it failed and is tried again. stopping: cancelled, and cleaning up. */
export type PendingState = (typeof pendingStates)[number];

export interface PendingStep {
  /** The step that it does, or `verb:subject`; see `workflows/proxies.ts`. */
  readonly id: string;
  readonly activity: string;
  readonly state: PendingState;
  readonly attempt: number;
  /** 0 where attempts have no limit. */
  readonly maximumAttempts: number;
  readonly lastFailure: string;
  /** Seconds until the next attempt (retrying) or since it was queued (queued); 0 otherwise. */
  readonly waitSeconds: number;
  /** Seconds since the last heartbeat; undefined before the first. */
  readonly heartbeatAge: number | undefined;
  readonly beat: BeatDetails | undefined;
}

/** The fields of temporal.api.workflow.v1.PendingActivityInfo that are read here. */
export interface PendingActivity {
  readonly activityId?: string | null;
  readonly activityType?: { readonly name?: string | null } | null;
  readonly state?: number | null;
  readonly attempt?: number | null;
  readonly maximumAttempts?: number | null;
  readonly heartbeatDetails?: { readonly payloads?: readonly object[] | null } | null;
  readonly lastHeartbeatTime?: Timestamp | null;
  readonly scheduledTime?: Timestamp | null;
  readonly nextAttemptScheduleTime?: Timestamp | null;
  readonly lastFailure?: { readonly message?: string | null } | null;
}

interface Timestamp {
  readonly seconds?: unknown;
}

/** Values of temporal.api.enums.v1.PendingActivityState, which the SDK does not export by name. */
const scheduled = 1;
const cancelRequested = 3;

export function pendingStepOf(activity: PendingActivity, now: Date): PendingStep {
  const attempt = activity.attempt ?? 1;
  const state = stateOf(activity, attempt);
  const payload = activity.heartbeatDetails?.payloads?.[0];
  const lastBeat = secondsOf(activity.lastHeartbeatTime);
  const seconds = now.getTime() / 1000;
  const waits = state === 'retrying' ? secondsOf(activity.nextAttemptScheduleTime) : secondsOf(activity.scheduledTime);
  const waitSeconds =
    waits === undefined || (state !== 'retrying' && state !== 'queued') ? 0 : Math.abs(seconds - waits);
  return {
    id: activity.activityId ?? '',
    activity: activity.activityType?.name ?? '',
    state,
    attempt,
    maximumAttempts: activity.maximumAttempts ?? 0,
    lastFailure: activity.lastFailure?.message ?? '',
    waitSeconds,
    heartbeatAge: lastBeat === undefined ? undefined : Math.max(0, seconds - lastBeat),
    beat: payload ? defaultPayloadConverter.fromPayload<BeatDetails>(payload) : undefined,
  };
}

function stateOf({ state }: PendingActivity, attempt: number): PendingState {
  if (state === cancelRequested) return 'stopping';
  if (state === scheduled) return attempt > 1 ? 'retrying' : 'queued';
  return 'running';
}

function secondsOf(time: Timestamp | null | undefined): number | undefined {
  return time?.seconds === undefined || time.seconds === null ? undefined : Number(time.seconds);
}
