/**
 * The day of one appliance in a few minutes: the server is asked to fill its real schedules back over 24 hours, so it
 * starts every run that a day has, one after the other, and the histories are counted. The day lies ahead, on a Sunday:
 * nothing begins late then, and what is weekly is due.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { desiredSchedules, scheduleId } from '../../schedules/desired.ts';
import { ensureContinuousRuns } from '../../src/client/continuous-runs.ts';
import { applianceOf, fleetAppliance } from './appliance.ts';
import { dayName } from './compressed.ts';
import { dayMs, dayOf, nextSunday, type DayOfSchedule } from './day.ts';
import { countRuns, executions, sumsByType, type TypeSums } from './histories.ts';
import { quietLog, type FleetStage } from './stage.ts';

const longestMs = 20 * 60_000;
/** These run as long as their appliance does. */
export const alwaysOn = "WorkflowType IN ('walArchive', 'configWatch')";

export async function measureDay({ client }: FleetStage): Promise<ReadonlyMap<string, TypeSums>> {
  const schedules = dayOf(fleetAppliance('a'));
  const sunday = nextSunday(Date.now());
  await ensureContinuousRuns(client, fleetAppliance(dayName('always')), quietLog);
  await Promise.all(schedules.map(async (schedule) => fill(client, schedule, sunday)));
  await untilDone(client, schedules);
  const shares = new Map(schedules.map(({ name, share }) => [dayName(name), share]));
  const closed = await sumsByType(
    client,
    "ExecutionStatus != 'Running'",
    (workflowId) => shares.get(applianceOf(workflowId)) ?? 1,
  );
  return new Map([...closed, ...(await sumsOfOpen(client))]);
}

/** No list tells the length of a run that is open. */
async function sumsOfOpen(client: Client): Promise<[string, TypeSums][]> {
  const sums: [string, TypeSums][] = [];
  for await (const { execution, type } of executions(client, alwaysOn)) {
    const { workflowExecutionInfo: info } = await client.workflowService.describeWorkflowExecution({
      namespace: client.options.namespace,
      execution: execution ?? {},
    });
    sums.push([
      type?.name ?? '',
      {
        runs: 1,
        events: Number(info?.historyLength ?? 0),
        bytes: Number(info?.historySizeBytes ?? 0),
        transitions: Number(info?.stateTransitionCount ?? 0),
      },
    ]);
  }
  return sums;
}

async function fill(client: Client, { name }: DayOfSchedule, day: number): Promise<void> {
  const appliance = fleetAppliance(dayName(name));
  const id = scheduleId(appliance, name);
  const desired = desiredSchedules(appliance).find((schedule) => schedule.scheduleId === id)!;
  const handle = await client.schedule.create({ ...desired, state: { paused: true } });
  // What takes no lock need not be waited for.
  const overlap = name === 'rpo-watch' ? 'ALLOW_ALL' : 'BUFFER_ALL';
  await handle.backfill({ start: new Date(day), end: new Date(day + dayMs - 1000), overlap });
}

async function untilDone(client: Client, schedules: readonly DayOfSchedule[]): Promise<void> {
  const isDone = async (): Promise<boolean> => {
    for (const { name, runs } of schedules) {
      const id = scheduleId(fleetAppliance(dayName(name)), name);
      if ((await countRuns(client, `TemporalScheduledById = '${id}' AND ExecutionStatus = 'Completed'`)) < runs)
        return false;
    }
    return (await countRuns(client, `ExecutionStatus = 'Running' AND NOT ${alwaysOn}`)) === 0;
  };
  for (const end = Date.now() + longestMs; !(await isDone()); await delay(1000))
    if (Date.now() > end)
      throw new Error('the compressed day did not end: a run of it failed, or the machine is too busy');
}
