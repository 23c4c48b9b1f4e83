/** How the worker of an appliance asks the server for work, and how much it takes on at a time. */
import type { WorkerOptions } from '@temporalio/worker';

export const timing = {
  // A cancel or an abort reaches an activity within this time, not within 0.8 × heartbeatTimeout.
  maxHeartbeatThrottleInterval: '1 second',
  // SIGTERM → 20 s to end by themselves, then cancelled with their partial files kept; after 60 s the process goes.
  // A supervisor's own limit must be above 60 s.
  shutdownGraceTime: '20 seconds',
  shutdownForceTime: '60 seconds',
} as const satisfies Partial<WorkerOptions>;

/**
 * Slots per role. What a restore asks first (find the point, plan) runs on the storage queue, where no capture ever is:
 * it gets a slot at once, and then cancels the backup that holds the others.
 */
const slotsPerRole = 4;

/**
 * `endless` activities never end (archiving, watching): they have slots of their own. One request for work is open at a
 * time, not one per slot: it comes back with a task and is made again while the task runs, which takes minutes. A server
 * keeps 1,200 of them open per namespace unless it is told otherwise.
 */
export function roleLimits(endless = 0): Partial<WorkerOptions> {
  return { maxConcurrentActivityTaskExecutions: slotsPerRole + endless, activityTaskPollerBehavior: atMost(1) };
}

/** One request for workflow tasks is for runs that are cached here, and one for all others. */
export const controlLimits: Partial<WorkerOptions> = {
  maxCachedWorkflows: 50,
  workflowTaskPollerBehavior: atMost(2),
  activityTaskPollerBehavior: atMost(2),
};

/** `maxConcurrentActivityTaskPolls` and its sister are documented, and ignored by the SDK (1.24). */
function atMost(maximum: number): NonNullable<WorkerOptions['activityTaskPollerBehavior']> {
  return { type: 'simple-maximum', maximum };
}
