import type { Client } from '@temporalio/client';
import { msNumberToTs, tsToDate } from '@temporalio/common/lib/time.js';

/** When a schedule is due after `from` and up to `until`, by its own calendar. The server knows it best. */
export async function dueTimes(client: Client, scheduleId: string, from: Date, until: Date): Promise<Date[]> {
  if (until <= from) return [];
  const { startTime } = await client.workflowService.listScheduleMatchingTimes({
    namespace: client.options.namespace,
    scheduleId,
    startTime: msNumberToTs(from.getTime()),
    endTime: msNumberToTs(until.getTime()),
  });
  return startTime.map((time) => tsToDate(time)).filter((time) => time > from && time <= until);
}
