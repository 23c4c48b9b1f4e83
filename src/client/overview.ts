/** What the orchestrator knows of an appliance at this moment. */
import type { Client } from '@temporalio/client';
import type { Appliance } from '../domain/appliance.ts';
import { openRuns, snapshot, type RunSnapshot } from './runs.ts';
import { describeSchedules } from './schedules.ts';
import { sealedPoints, type SealedPoint } from './sealed-points.ts';
import { hasWorker } from './temporal/workers.ts';

export interface Overview {
  /** Open runs, a restore first; at most `runsShown`. */
  readonly runs: readonly RunSnapshot[];
  readonly hasWorker: boolean;
  readonly schedules: Awaited<ReturnType<typeof describeSchedules>>;
  /** By the backups that ended last. */
  readonly sealed: readonly SealedPoint[];
}

const runsShown = 3;

export async function overviewOf(client: Client, appliance: Appliance): Promise<Overview> {
  const [runs, isServed, schedules, sealed] = await Promise.all([
    firstRuns(client, appliance),
    hasWorker(client, appliance),
    describeSchedules(client, appliance),
    sealedPoints(client, appliance),
  ]);
  return { runs, hasWorker: isServed, schedules, sealed };
}

async function firstRuns(client: Client, appliance: Appliance): Promise<RunSnapshot[]> {
  const open = await openRuns(client, appliance);
  const first = [
    ...open.filter(({ type }) => type === 'restore'),
    ...open.filter(({ type }) => type !== 'restore'),
  ].slice(0, runsShown);
  return Promise.all(first.map(async ({ workflowId }) => snapshot(client, workflowId)));
}
