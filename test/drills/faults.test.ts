import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRuns, snapshot } from '../../src/client/runs.ts';
import { newRunId } from '../../src/client/start-run.ts';
import type { Manifest } from '../../src/domain/recovery-point.ts';
import { pendingStepOf } from '../../src/client/temporal/pending-activity.ts';
import { cliScript, type WorkerProcess } from '../../src/dev/demo/worker-process.ts';
import type { BackupResult, RestoreResult } from '../../workflows/messages.ts';
import { sha256Of, startLeanStage, type LeanStage } from '../support/lean-stage.ts';

/** Heartbeats reach the server once a second: the byte phases must last for a few, on a fast machine too. */
const bytes = 6e8;
let stage: LeanStage;
let worker: WorkerProcess;
beforeAll(async () => {
  stage = await startLeanStage(bytes, '', { ownTemporal: true });
  worker = await stage.startWorker();
});
afterAll(async () => stage.stop());

/** Printed with a failure: the same seed gives the same moment. */
const seed = Number(process.env.LIFEBOAT_SEED ?? Math.floor(Math.random() * 1e6));
const moment = (salt: number): number => (((seed * 9301 + salt * 49_297) % 233_280) / 233_280) * 600;

/** Lets a process run only a quarter of the time, until it is gone or `end` is called. */
function slowDown(pid: number): { end: () => void } {
  let isStopped = false;
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    const stop = ticks % 4 !== 0;
    if (stop === isStopped) return;
    isStopped = stop;
    try {
      process.kill(pid, stop ? 'SIGSTOP' : 'SIGCONT');
    } catch {
      clearInterval(timer);
    }
  }, 25);
  return {
    end: () => {
      clearInterval(timer);
      process.kill(pid, 'SIGCONT');
    },
  };
}

async function start(type: 'fullBackup' | 'restore', input: object): Promise<WorkflowHandle> {
  return stage.client.workflow.start(type, {
    workflowId: newRunId(type, stage.appliance, new Date()),
    taskQueue: stage.appliance.temporal.taskQueue,
    args: [input],
  });
}

/** Bytes that the activity told with its last heartbeat. Without the query of a whole snapshot: the phase is short. */
async function bytesOf(handle: WorkflowHandle, activity: string): Promise<number> {
  const { raw } = await handle.describe();
  const steps = (raw.pendingActivities ?? []).map((pending) => pendingStepOf(pending, new Date()));
  return steps.find((step) => step.activity === activity)?.beat?.bytesDone ?? 0;
}

async function attemptsOf(handle: WorkflowHandle, activity: string): Promise<number> {
  const { events } = await handle.fetchHistory();
  const scheduled = (events ?? [])
    .filter(({ activityTaskScheduledEventAttributes: attributes }) => attributes?.activityType?.name === activity)
    .map(({ eventId }) => String(eventId));
  return Math.max(
    0,
    ...(events ?? []).map(({ activityTaskStartedEventAttributes: started }) =>
      scheduled.includes(String(started?.scheduledEventId)) ? (started?.attempt ?? 0) : 0,
    ),
  );
}

async function cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [cliScript, '-c', stage.configFile, ...args])) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

describe(`a worker that dies (seed ${seed})`, () => {
  test('SIGKILL in the byte phase of a backup: another process seals the point', async () => {
    const slow = slowDown(worker.pid);
    const handle = await start('fullBackup', {});
    await expect.poll(async () => bytesOf(handle, 'captureComponent'), { interval: 50 }).toBeGreaterThan(0);
    await delay(moment(1));
    slow.end();
    await worker.kill();
    worker = await stage.startWorker();
    const result = (await handle.result()) as BackupResult;
    expect(result.state).toBe('sealed');
    expect(await attemptsOf(handle, 'captureComponent')).toBeGreaterThanOrEqual(2);
    expect((await cli('verify')).code).toBe(0);
  });

  test('SIGKILL in the byte phase of a restore: another process finishes it, byte for byte', async () => {
    await rm(stage.data, { recursive: true });
    const slow = slowDown(worker.pid);
    const handle = await start('restore', { confirm: 'lean', reason: 'drill' });
    await expect.poll(async () => bytesOf(handle, 'stageComponent'), { interval: 50 }).toBeGreaterThan(0);
    await delay(moment(2));
    slow.end();
    await worker.kill();
    worker = await stage.startWorker();
    const result = (await handle.result()) as RestoreResult;
    expect(result.state).toBe('committed');
    expect(await attemptsOf(handle, 'stageComponent')).toBeGreaterThanOrEqual(2);
    expect(await sha256Of(join(stage.data, 'big.bin'))).toBe(stage.digest);
    await stage.client.workflow.getHandle(result.backupWorkflowId).result();
    expect((await readdir(stage.folder)).filter((name) => /\.lifeboat-stag/.test(name))).toEqual([]);
  });

  test('the Temporal server restarts in the middle of a backup: the run goes on', async () => {
    await writeFile(join(stage.data, 'new.txt'), 'changed');
    const handle = await start('fullBackup', {});
    await expect
      .poll(async () => (await snapshot(stage.client, handle.workflowId)).pending.length, { interval: 50 })
      .toBeGreaterThan(0);
    await stage.restartTemporal();
    expect(((await stage.client.workflow.getHandle(handle.workflowId).result()) as BackupResult).state).toBe('sealed');
  });
});

describe('the command line', () => {
  test('Ctrl-C leaves the run alone, prints its id and ends with 130', async () => {
    // Nobody does the work meanwhile: a run that ends first would leave nothing to go on.
    process.kill(worker.pid, 'SIGSTOP');
    const child = spawn(process.execPath, [cliScript, '-c', stage.configFile, 'backups', 'run'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const exited = once(child, 'exit');
    await expect.poll(() => said).toMatch(/fullBackup/);
    child.kill('SIGINT');
    expect(await exited).toEqual([130, null]);
    process.kill(worker.pid, 'SIGCONT');
    const id = /fullBackup\/lean\/\S+/.exec(said)?.[0] ?? '';
    expect(said).toContain(`${id} goes on`);
    expect(((await stage.client.workflow.getHandle(id).result()) as BackupResult).state).toBe('sealed');
  });

  test('a damaged object is named with file and component, and refused before anything stops', async () => {
    const { backup_files: files } = JSON.parse((await cli('-o', 'json', 'backups', 'show')).stdout) as Manifest;
    const [pack] = files.filter((file) => file.path.startsWith('packs/')).toSorted((x, y) => y.size - x.size);
    const path = join(stage.repository, pack?.path ?? '');
    await chmod(path, 0o600);
    const whole = await readFile(path);
    const spoiled = Buffer.from(whole);
    spoiled.writeUInt8(spoiled.readUInt8(1000) ^ 1, 1000);
    await writeFile(path, spoiled);
    const verified = await cli('verify');
    expect(verified.code).toBe(1);
    expect(verified.stdout).toMatch(/DAMAGED data: file `\S*big\.bin`:\s+ObjectCorrupt:\s+a\s+block\s+in\s+packs\//);
    const restored = await cli('restore', 'start', '--confirm', 'lean');
    expect(restored.code).toBe(1);
    expect(restored.stderr).toMatch(/error: .*packs\//);
    expect(await sha256Of(join(stage.data, 'big.bin'))).toBe(stage.digest);
    await rm(path);
    const missing = await cli('restore', 'start', '--confirm', 'lean');
    expect(missing.stderr).toMatch(/ObjectMissing|is gone|missing/);
    await writeFile(path, whole);
    expect((await cli('verify')).code).toBe(0);
  });

  test('no worker is said, nothing is left waiting, exit 9', async () => {
    await worker.stop();
    const { code, stderr } = await cli('backups', 'run');
    expect(code).toBe(9);
    expect(stderr).toMatch(/no worker (polls|took)/);
    expect(stderr).toMatch(/hint: start one with `lifeboat -c \S+ worker`/);
    expect(await openRuns(stage.client, stage.appliance)).toEqual([]);
  });
});
