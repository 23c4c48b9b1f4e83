/** A fleet in which nothing is due: its archiving and its watching, and how its schedules are made. */
import { setTimeout as delay } from 'node:timers/promises';
import { ScheduleAlreadyRunning } from '@temporalio/client';
import { desiredSchedules } from '../../schedules/desired.ts';
import { applySchedules, planSchedules } from '../../schedules/reconcile.ts';
import { ensureContinuousRuns } from '../../src/client/continuous-runs.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import { atOnce, patiently } from './at-once.ts';
import { quietLog, ratesOf, type FleetStage, type Rates } from './stage.ts';
import type { FleetWorker } from './worker-process.ts';

const callsAtOnce = 16;
const windowMs = 60_000;
/** The server publishes its counters once a second. */
const publishedMs = 2000;
/** Every five minutes the fleet looks at its clocks. */
export const tickMs = 300_000;

/** Seconds that it took to make the schedules that `isWanted` names. */
export async function createSchedules(
  { client }: FleetStage,
  fleet: readonly Appliance[],
  isWanted: (scheduleId: string) => boolean,
): Promise<{ readonly schedules: number; readonly seconds: number }> {
  const desired = fleet
    .flatMap((appliance) => desiredSchedules(appliance))
    .filter(({ scheduleId }) => isWanted(scheduleId));
  const began = Date.now();
  await atOnce(desired, callsAtOnce, async (schedule) =>
    patiently(async () => {
      try {
        await client.schedule.create(schedule);
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      }
    }),
  );
  return { schedules: desired.length, seconds: (Date.now() - began) / 1000 };
}

export async function startAlwaysOn({ client }: FleetStage, fleet: readonly Appliance[]): Promise<number> {
  const began = Date.now();
  await atOnce(fleet, callsAtOnce, async (appliance) =>
    patiently(async () => ensureContinuousRuns(client, appliance, quietLog)),
  );
  return (Date.now() - began) / 1000;
}

export interface WorkerStart {
  readonly seconds: number;
  readonly requests: number;
  /** Time of `lifeboat schedules plan`, which reads the list of all schedules besides. */
  readonly planSeconds: number;
}

/** What a worker asks at its start, among all others: does every schedule stand as it should? */
export async function measureWorkerStart({ client, look }: FleetStage, appliance: Appliance): Promise<WorkerStart> {
  const before = await look();
  const began = Date.now();
  await patiently(async () => applySchedules(client, appliance, { listsAll: false }));
  const seconds = (Date.now() - began) / 1000;
  await delay(publishedMs);
  const { counts } = ratesOf(before, await look());
  const asksAll = Date.now();
  await patiently(async () => planSchedules(client, appliance));
  const asked = ['DescribeSchedule', 'ListSchedules'].map((name) => counts.requests[name] ?? 0);
  return {
    seconds,
    requests: asked.reduce((sum, count) => sum + count, 0),
    planSeconds: (Date.now() - asksAll) / 1000,
  };
}

/** The first shift of archiving is a short one. */
const settledMs = 70_000;

/** A minute of archiving and watching alone. */
export async function measureIdle({ look }: FleetStage, worker: FleetWorker): Promise<Rates> {
  await delay(settledMs);
  const before = await look(worker);
  await delay(windowMs);
  return ratesOf(before, await look(worker));
}
