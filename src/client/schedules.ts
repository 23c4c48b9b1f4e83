/** Looks at the appliance's schedules and steers them. */
import { ScheduleNotFoundError, type Client, type ScheduleDescription } from '@temporalio/client';
import { scheduleId } from '../../schedules/desired.ts';
import { neededSchedules, type ScheduleName } from '../domain/schedules.ts';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import { dueTimes } from './temporal/due-times.ts';

const waitMs = 20_000;

export interface ScheduleView {
  readonly id: string;
  readonly paused: boolean;
  readonly note: string;
  readonly next: string;
  readonly last: string;
  /** When a backup was due since the last one and none has begun (ISO 8601). */
  readonly missed: readonly string[];
}

/** The state of every schedule that has something to run for and is not switched off; undefined where the server has none. */
export async function describeSchedules(
  client: Client,
  appliance: Appliance,
): Promise<{ readonly name: ScheduleName; readonly enabled: boolean; readonly view: ScheduleView | undefined }[]> {
  return Promise.all(
    neededSchedules(appliance).map(async ({ name, config: { enabled } }) => ({
      name,
      enabled,
      view: enabled ? await describeSchedule(client, appliance, name) : undefined,
    })),
  );
}

export async function pauseSchedule(
  client: Client,
  appliance: Appliance,
  name: ScheduleName,
  note: string,
): Promise<void> {
  await onSchedule(name, async () => client.schedule.getHandle(scheduleId(appliance, name)).pause(note));
}

export async function resumeSchedule(
  client: Client,
  appliance: Appliance,
  name: ScheduleName,
  note: string,
): Promise<void> {
  await onSchedule(name, async () => client.schedule.getHandle(scheduleId(appliance, name)).unpause(note));
}

/** Starts what would have been due in a stretch of time, one after another. Returns when. */
export async function backfillSchedule(
  client: Client,
  appliance: Appliance,
  name: ScheduleName,
  { from, to }: { readonly from: Date; readonly to: Date },
): Promise<Date[]> {
  const id = scheduleId(appliance, name);
  return onSchedule(name, async () => {
    // The server counts the end in; a second before the start is not asked for.
    const due = await dueTimes(client, id, new Date(from.getTime() - 1), to);
    if (due.length > 0) await client.schedule.getHandle(id).backfill({ start: from, end: to, overlap: 'BUFFER_ALL' });
    return due;
  });
}

async function onSchedule<T>(name: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    throw new LifeboatError('NotFound', `the server has no schedule \`${name}\``, {
      hint: 'create what is configured: `lifeboat schedules apply`',
    });
  }
}

async function describeSchedule(client: Client, appliance: Appliance, name: string): Promise<ScheduleView | undefined> {
  try {
    const id = scheduleId(appliance, name);
    const { state, info } = await client.schedule.getHandle(id).describe();
    return {
      id,
      paused: state.paused,
      note: state.note ?? '',
      next: info.nextActionTimes[0]?.toISOString() ?? '',
      last: info.recentActions.at(-1)?.takenAt.toISOString() ?? '',
      missed: state.paused ? [] : (await missedSince(client, id, info)).map((due) => due.toISOString()),
    };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

/** A run that is due may take a moment to show. */
const showsWithinMs = 2 * 60_000;

/** A schedule that was made or changed since then was not due before, by what it says now. */
async function missedSince(client: Client, id: string, info: ScheduleDescription['info']): Promise<Date[]> {
  const began = [info.recentActions.at(-1)?.scheduledAt, info.createdAt, info.lastUpdatedAt];
  const since = Math.max(...began.map((time) => time?.getTime() ?? 0));
  return dueTimes(client, id, new Date(since), new Date(Date.now() - showsWithinMs));
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
  const before = await onSchedule(name, started);
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
