/** Triggers and looks at the appliance's schedules. */
import { ScheduleNotFoundError, type Client } from '@temporalio/client';
import { scheduleId } from '../../schedules/desired.ts';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';

const waitMs = 20_000;

export interface ScheduleView {
  readonly id: string;
  readonly paused: boolean;
  readonly note: string;
  readonly next: string;
  readonly last: string;
  readonly skipped: number;
}

export async function describeSchedule(
  client: Client,
  appliance: Appliance,
  name: string,
): Promise<ScheduleView | undefined> {
  try {
    const { state, info } = await client.schedule.getHandle(scheduleId(appliance, name)).describe();
    return {
      id: scheduleId(appliance, name),
      paused: state.paused,
      note: state.note ?? '',
      next: info.nextActionTimes[0]?.toISOString() ?? '',
      last: info.recentActions.at(-1)?.takenAt.toISOString() ?? '',
      skipped: info.numActionsSkippedOverlap,
    };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

/** Triggers a schedule now (SKIP: never beside a running one) and returns the id of the run that it started. */
export async function triggerSchedule(client: Client, appliance: Appliance, name: string): Promise<string> {
  const handle = client.schedule.getHandle(scheduleId(appliance, name));
  const started = async (): Promise<string[]> => {
    const { info } = await handle.describe();
    return info.recentActions.flatMap(({ action }) =>
      action.type === 'startWorkflow' ? [action.workflow.workflowId] : [],
    );
  };
  let before: string[];
  try {
    before = await started();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError)
      throw new LifeboatError('NotFound', `there is no schedule \`${name}\``, {
        hint: 'a running worker creates the configured schedules',
      });
    throw error;
  }
  await handle.trigger('SKIP');
  for (const end = Date.now() + waitMs; Date.now() < end;) {
    const fresh = (await started()).find((id) => !before.includes(id));
    if (fresh !== undefined) return fresh;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new LifeboatError(
    'LockHeld',
    `schedule \`${name}\` started nothing within ${waitMs / 1000} s: one of its runs is still open`,
  );
}
