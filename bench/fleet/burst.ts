/** 02:00: every appliance has a full backup due, and looks at its clocks. */
import { setTimeout as delay } from 'node:timers/promises';
import { patiently } from './at-once.ts';
import { countRuns, executions, sumsByType, waitsOf, type TypeSums, type Waits } from './histories.ts';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { ratesOf, type FleetStage, type Rates } from './stage.ts';
import type { FleetWorker } from './worker-process.ts';

const longestMs = 20 * 60_000;
const sampled = 150;
/** What a full backup leads to. */
const ofFull = "WorkflowType IN ('fullBackup', 'replicate', 'verifyBackup', 'proveBackup')";

export interface Burst {
  readonly appliances: number;
  readonly jitterSeconds: number;
  /** Until the last of it had ended. */
  readonly rates: Rates;
  readonly peak: { readonly serverBytes: number; readonly workerBytes: number };
  /** Milliseconds after the scheduled time. */
  readonly starts: readonly number[];
  readonly waits: { readonly fullBackup: Waits; readonly rpoWatch: Waits };
  readonly durations: readonly number[];
  readonly sums: ReadonlyMap<string, TypeSums>;
  readonly isOver: boolean;
}

export async function measureBurst(
  stage: FleetStage,
  worker: FleetWorker,
  due: number,
  { appliances, jitterSeconds }: { readonly appliances: number; readonly jitterSeconds: number },
): Promise<Burst> {
  const { client, look } = stage;
  await delay(Math.max(0, due - 1000 - Date.now()));
  const before = await look(worker);
  const since = `StartTime >= '${new Date(due).toISOString()}'`;
  const fulls = `WorkflowType = 'fullBackup' AND ${since}`;
  const isOver = async (): Promise<boolean> =>
    (await countRuns(client, `${fulls} AND ExecutionStatus != 'Running'`)) >= appliances &&
    (await countRuns(client, `${ofFull} AND ${since} AND ExecutionStatus = 'Running'`)) === 0;
  const end = due + longestMs;
  let over = false;
  while (!over && Date.now() < end) {
    await delay(2000);
    over = Date.now() > due && (await patiently(isOver));
  }
  const after = await look(worker);
  const runs: { readonly start: number; readonly close: number }[] = [];
  await patiently(async () => {
    runs.length = 0;
    for await (const { startTime, closeTime } of executions(client, fulls))
      runs.push({ start: tsToMs(startTime), close: closeTime == null ? after.at : tsToMs(closeTime) });
  });
  return {
    appliances,
    jitterSeconds,
    rates: ratesOf(before, after),
    peak: { serverBytes: after.server.peakBytes, workerBytes: after.worker?.peakBytes ?? 0 },
    starts: runs.map(({ start }) => start - due),
    durations: runs.map(({ start, close }) => close - start),
    waits: {
      fullBackup: await patiently(async () => waitsOf(client, fulls, sampled)),
      rpoWatch: await patiently(async () => waitsOf(client, `WorkflowType = 'rpoWatch' AND ${since}`, sampled)),
    },
    sums: await patiently(async () =>
      sumsByType(client, `${since} AND CloseTime <= '${new Date(after.at).toISOString()}'`),
    ),
    isOver: over,
  };
}
