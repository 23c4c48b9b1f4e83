/** Configuration → the schedules that should exist. Pure. */
import type { ScheduleOptions, ScheduleOptionsAction } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { Appliance } from '../src/domain/appliance.ts';
import { neededSchedules } from '../src/domain/schedules.ts';

export const ownerMemo = 'lifeboat';

export type DesiredSchedule = ScheduleOptions<ScheduleOptionsAction> & { readonly memo: Record<string, string> };

/** Schedule ids carry the appliance, so that several appliances share a namespace. */
export function scheduleId(appliance: Appliance, name: string): string {
  return `${name}/${appliance.name}`;
}

const applianceKey = defineSearchAttributeKey('LifeboatAppliance', 'KEYWORD');
const kindKey = defineSearchAttributeKey('LifeboatKind', 'KEYWORD');

/** `searchable`: runs may be started with the attributes by which they are found. */
export function desiredSchedules(appliance: Appliance, searchable = false): DesiredSchedule[] {
  const { name, temporal } = appliance;
  return neededSchedules(appliance)
    .filter(({ config }) => config.enabled)
    .map(({ name: id, kind, config }) => ({
      scheduleId: scheduleId(appliance, id),
      spec: {
        cronExpressions: [config.cron],
        timezone: config.timeZone,
        ...(config.jitterSeconds === 0 ? {} : { jitter: config.jitterSeconds * 1000 }),
      },
      // A run never overlaps itself; the SDK's own default would catch up a whole year of missed runs.
      policies: { overlap: config.overlap, catchupWindow: config.catchupSeconds * 1000, pauseOnFailure: false },
      action: {
        type: 'startWorkflow',
        workflowType: kind.workflow,
        workflowId: `${kind.workflow}/${name}`,
        taskQueue: temporal.taskQueue,
        ...(searchable
          ? {
              typedSearchAttributes: [
                { key: applianceKey, value: name },
                { key: kindKey, value: kind.workflow },
              ],
            }
          : {}),
        args: [{ ...kind.input, requestedBy: `schedule ${id}` }],
        staticSummary: `${kind.workflow} of ${name}, by schedule ${id}`,
      },
      memo: { owner: ownerMemo, appliance: name },
    }));
}
