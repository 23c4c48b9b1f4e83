/** What a run knows of the schedule that started it. */
import { defineSearchAttributeKey } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';

const byKey = defineSearchAttributeKey('TemporalScheduledById', 'KEYWORD');
const scheduledKey = defineSearchAttributeKey('TemporalScheduledStartTime', 'DATETIME');

/** Seconds between the scheduled time and the run's first task; 0 for a run that no schedule started. */
export function lateSeconds(): number {
  const scheduled = workflowInfo().typedSearchAttributes.get(scheduledKey);
  return scheduled === undefined ? 0 : Math.max(0, (Date.now() - scheduled.getTime()) / 1000);
}

/** The schedule's id; undefined for a run that no schedule started. */
export function scheduledBy(): string | undefined {
  return workflowInfo().typedSearchAttributes.get(byKey);
}
