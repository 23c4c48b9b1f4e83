/** Activity proxies by timing. Sums stand beside the limits. */
import { proxyActivities, workflowInfo, type ActivityOptions } from '@temporalio/workflow';
import type { ComponentActivities } from '../activities/component.ts';
import type { ControlActivities } from '../activities/control.ts';
import type { PlatformActivities } from '../activities/platform.ts';
import type { StorageActivities } from '../activities/recovery-points.ts';
import type { UpkeepActivities } from '../activities/copies.ts';
import type { WalActivities } from '../activities/wal.ts';
import type { WatchActivities } from '../activities/watch.ts';
import type { Role } from '../src/domain/component.ts';

/** Restores go before WAL, backups and drills wherever slots are scarce. */
export const priority = {
  restore: { priorityKey: 1 },
  wal: { priorityKey: 2 },
  backup: { priorityKey: 3 },
  drill: { priorityKey: 5 },
} as const;

export interface Queue {
  readonly role: Role;
  readonly host: string;
}

export function queueName({ role, host }: Queue): string {
  return `${workflowInfo().taskQueue}-${role}-${host}`;
}

/**
 * Moves bytes: 2 TB at 100 MB/s is 5.6 h, twice that is the limit of one attempt. Heartbeats come every 2 s, so ten
 * missed ones mean that the worker is gone.
 */
const moving: ActivityOptions = {
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '1 minute', maximumAttempts: 6 },
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
};

/**
 * A session of an hour at most, and the time to end it. Tried again for ever: a database that is down is no end of
 * archiving, and what fails for good in one session is told by the workflow.
 */
const continuous: ActivityOptions = {
  startToCloseTimeout: '70 minutes',
  // Beats come every 10 s; a session whose worker died begins again after this.
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 1.5, maximumInterval: '15 seconds' },
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
};

/** Answers in seconds; a service may take its own start timeout (600 s) and stop timeout (300 s). */
const quick: ActivityOptions = {
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds', maximumAttempts: 5 },
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
};

/** Tried for as long as it may take. */
const relentless: ActivityOptions = {
  ...quick,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
};

/**
 * Messages are tried until they are delivered: each is a run of its own, so it holds nothing back. A channel that nobody repairs
 * for a week would else collect runs that try every minute, for news that is none any more.
 */
const lasting: ActivityOptions = { ...relentless, scheduleToCloseTimeout: '7 days' };

/** Evidence is given up after a while: a run that never ends would hold back the next scheduled one. */
const patient: ActivityOptions = { ...relentless, scheduleToCloseTimeout: '30 minutes' };

/** People wait to be told meanwhile, so what can also go by itself is tried for a minute only. */
const shortly: ActivityOptions = { ...relentless, scheduleToCloseTimeout: '1 minute' };

interface CallOptions {
  /**
   * The activity's id, unique among those that are open: the step that it does, or `verb:subject`. It stands in histories and is
   * what a watcher sees of a pending activity (its summary is not told while it runs), so it must not change.
   */
  readonly id: string;
  /** For readers of the Temporal UI. By default the words of the id. */
  readonly summary?: string;
  readonly priority?: ActivityOptions['priority'];
}

const options = (base: ActivityOptions, queue: string, { id, summary, ...call }: CallOptions): ActivityOptions => ({
  ...base,
  taskQueue: queue,
  activityId: id.slice(0, 200),
  summary: summary ?? id.replaceAll(':', ' '),
  ...call,
});

export const components = (queue: Queue, call: CallOptions): ComponentActivities =>
  proxyActivities<ComponentActivities>(options(moving, queueName(queue), call));

export const wal = (queue: Queue, call: CallOptions): WalActivities =>
  proxyActivities<WalActivities>(options(continuous, queueName(queue), { priority: priority.wal, ...call }));

export const watch = (queue: Queue, call: CallOptions): WatchActivities =>
  proxyActivities<WatchActivities>(options(continuous, queueName(queue), { priority: priority.backup, ...call }));

export const storage = (host: string, call: CallOptions): StorageActivities =>
  proxyActivities<StorageActivities>(options(moving, queueName({ role: 'storage', host }), call));

export const upkeep = (host: string, call: CallOptions): UpkeepActivities =>
  proxyActivities<UpkeepActivities>(options(moving, queueName({ role: 'upkeep', host }), call));

export const evidence = (host: string, call: CallOptions): StorageActivities =>
  proxyActivities<StorageActivities>(options(patient, queueName({ role: 'storage', host }), call));

export const brief = (host: string, call: CallOptions): StorageActivities =>
  proxyActivities<StorageActivities>(options(shortly, queueName({ role: 'storage', host }), call));

export const platform = (host: string, call: CallOptions): PlatformActivities =>
  proxyActivities<PlatformActivities>(options(quick, queueName({ role: 'platform', host }), call));

/** Light activities that any control worker can do: they share the workflows' queue. */
export const control = (call: CallOptions): ControlActivities =>
  proxyActivities<ControlActivities>(options(quick, workflowInfo().taskQueue, call));

export const delivery = (call: CallOptions): ControlActivities =>
  proxyActivities<ControlActivities>(options(lasting, workflowInfo().taskQueue, call));
