/**
 * Makes the server's schedules what the configuration says. Keeps an operator's pause; a schedule of ours that is no
 * longer configured is removed, a stranger's is left alone. May run twice and by several workers at once.
 */
import { ScheduleAlreadyRunning, ScheduleNotFoundError, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Appliance } from '../src/domain/appliance.ts';
import { desiredSchedules, ownerMemo, scheduleId, type DesiredSchedule } from './desired.ts';

export async function reconcileSchedules(client: Client, appliance: Appliance, log: Logger): Promise<void> {
  const desired = desiredSchedules(appliance);
  for (const schedule of desired) await upsert(client, schedule, log);
  for (const name of Object.keys(appliance.schedules)) {
    const id = scheduleId(appliance, name);
    if (!desired.some((schedule) => schedule.scheduleId === id)) await remove(client, id, log);
  }
}

async function upsert(client: Client, desired: DesiredSchedule, log: Logger): Promise<void> {
  try {
    await client.schedule.create(desired);
    log.info({ schedule: desired.scheduleId }, 'schedule created');
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, policies, action } = desired;
    const handle = client.schedule.getHandle(desired.scheduleId);
    if ((await handle.describe()).memo?.owner !== ownerMemo) {
      log.error(
        { schedule: desired.scheduleId },
        'a schedule of this id exists that is not ours; it was left alone and nothing is backed up by it',
      );
      return;
    }
    await handle.update((previous) => ({
      spec,
      ...(policies === undefined ? {} : { policies }),
      action: { ...action, workflowId: action.workflowId ?? desired.scheduleId, args: [...(action.args ?? [])] },
      state: {
        paused: previous.state.paused,
        ...(previous.state.note === undefined ? {} : { note: previous.state.note }),
      },
    }));
  }
}

async function remove(client: Client, id: string, log: Logger): Promise<void> {
  const handle = client.schedule.getHandle(id);
  try {
    const { memo } = await handle.describe();
    if (memo?.owner !== ownerMemo) return;
    await handle.delete();
    log.info({ schedule: id }, 'schedule removed');
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}
