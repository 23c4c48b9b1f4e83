/** The same first full backup as a whole workflow (Temporal, a worker process), a restore as one, and the worker's memory. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { withClient } from '../../src/client/temporal/connection.ts';
import { resultOf } from '../../src/client/runs.ts';
import { startRun } from '../../src/client/start-run.ts';
import { requireWorker } from '../../src/client/temporal/workers.ts';
import { startWorkerProcess } from '../../src/dev/demo/worker-process.ts';
import { poll } from '../../src/dev/poll.ts';
import { startTemporal } from '../../src/dev/temporal.ts';
import type { BackupResult, RestoreResult } from '../../workflows/messages.ts';
import { timed, type Bench } from '../bench.ts';
import { initLifeboat } from '../lifeboat/lifeboat.ts';
import { watchMemory, type MemoryWatch, type PeakMemory } from '../lifeboat/worker-memory.ts';

/** Begins on a reset appliance; leaves the restored one. */
export async function measureWorkflow(bench: Bench): Promise<void> {
  const { data } = bench;
  await initLifeboat(data);
  const temporal = await startTemporal({
    directory: join(data.work, 'temporal'),
    headless: true,
    ...data.temporalPorts,
  });
  try {
    const worker = await startWorkerProcess(data.configFile, join(data.work, 'worker.log'));
    const memory = watchMemory(worker.pid);
    try {
      await withClient(data.appliance, async (client) => backUpAndRestore(bench, client, memory));
    } finally {
      recordMemory(bench, await memory.end());
      await worker.stop();
    }
  } finally {
    await temporal.stop();
  }
}

async function backUpAndRestore(bench: Bench, client: Client, memory: MemoryWatch): Promise<void> {
  const { appliance } = bench.data;
  const run = async <T>(
    type: 'fullBackup' | 'restore',
    input: object,
  ): Promise<{ readonly result: T; readonly seconds: number }> => {
    const began = performance.now();
    const handle = await startRun(client, appliance, type, input, { summary: `benchmark: ${type}` });
    const result = await resultOf<T>(handle);
    return { result, seconds: (performance.now() - began) / 1000 };
  };
  // The server learns of a worker by its first poll, a moment after the worker says that it runs.
  await poll(async () => requireWorker(client, appliance).then(() => true), {
    timeoutMs: 30_000,
    describe: (cause) => cause as Error,
  });
  const remember = async (moment: string): Promise<void> => {
    const bytes = await memory.soFar();
    if (bytes !== undefined) bench.record.add(`memory/worker ${moment}`, bytes);
  };
  await remember('before its first run');
  let point = '';
  await timed(bench, 'workflow/lifeboat', async () => {
    const { result, seconds } = await run<BackupResult>('fullBackup', { requestedBy: 'bench' });
    point = result.id;
    return seconds;
  });
  await remember('after the backup');
  let next = '';
  await timed(bench, 'workflow/restore', async () => {
    const { result, seconds } = await run<RestoreResult>('restore', {
      at: point,
      confirm: appliance.name,
      requestedBy: 'bench',
      reason: 'benchmark',
    });
    for (const { id, seconds: step } of result.steps) bench.record.add(`workflow/restore ${id}`, step);
    next = result.backupWorkflowId;
    for (const path of result.safetyCopies) await rm(path, { recursive: true, force: true });
    return seconds;
  });
  await remember('after the restore');
  // The backup that follows a restore by itself must not run into what is measured next.
  await resultOf(client.workflow.getHandle(next));
}

function recordMemory({ record, say }: Bench, peak: PeakMemory | undefined): void {
  if (peak === undefined) return say('memory: this system does not tell it, not measured');
  record.add('memory/worker', peak.ownBytes);
  for (const [name, bytes] of Object.entries(peak.childrenBytes)) record.add(`memory/child ${name}`, bytes);
}
