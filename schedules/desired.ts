/** Configuration → the schedules that should exist. Pure. */
import type { ScheduleOptions, ScheduleOptionsAction } from '@temporalio/client';
import type { Appliance } from '../src/domain/appliance.ts';

export const ownerMemo = 'lifeboat';

export type DesiredSchedule = ScheduleOptions<ScheduleOptionsAction> & { readonly memo: Record<string, string> };

/** Schedule ids carry the appliance, so that several appliances share a namespace. */
export function scheduleId(appliance: Appliance, name: string): string {
  return `${name}/${appliance.name}`;
}

export function desiredSchedules(appliance: Appliance): DesiredSchedule[] {
  const { name, temporal } = appliance;
  return Object.entries(appliance.schedules)
    .filter(([, { enabled }]) => enabled)
    .map(([id, { cron, timeZone, catchupSeconds }]) => ({
      scheduleId: scheduleId(appliance, id),
      spec: { cronExpressions: [cron], timezone: timeZone },
      // A mutating run never overlaps itself; the SDK's own default would catch up a whole year of missed runs.
      policies: { overlap: 'SKIP', catchupWindow: catchupSeconds * 1000, pauseOnFailure: false },
      action: {
        type: 'startWorkflow',
        workflowType: 'fullBackup',
        workflowId: `fullBackup/${name}`,
        taskQueue: temporal.taskQueue,
        args: [{ requestedBy: `schedule ${id}` }],
        staticSummary: `full backup of ${name}, by schedule ${id}`,
      },
      memo: { owner: ownerMemo, appliance: name },
    }));
}
