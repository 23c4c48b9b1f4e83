/** Two runs at once through a real worker: what waits, what gives way, and that nothing half done is ever a recovery point. */
import { randomBytes } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newRunId, resultOf, snapshot } from '../../src/client/runs.ts';
import { progressQuery, type FullBackupResult, type RestoreResult } from '../../workflows/messages.ts';
import { sha256Of, startLeanStage, type LeanStage } from '../support/lean-stage.ts';

/** A capture of it takes above a second: long enough to begin something else meanwhile. */
const bytes = 200e6;
let stage: LeanStage;
beforeAll(async () => {
  stage = await startLeanStage(bytes);
  await stage.startWorker();
}, 120_000);
afterAll(async () => stage.stop());

async function start(type: 'fullBackup' | 'restore', input: object): Promise<WorkflowHandle> {
  const { client, appliance } = stage;
  const workflowId = newRunId(type, appliance, new Date());
  return client.workflow.start(type, { workflowId, taskQueue: appliance.temporal.taskQueue, args: [input] });
}

/** Resolves when the activity told bytes with a heartbeat. */
async function moving(handle: WorkflowHandle, activity: string): Promise<void> {
  const told = async (): Promise<number> => {
    const { pending } = await snapshot(stage.client, handle.workflowId);
    return pending.find((step) => step.activity === activity)?.beat?.bytesDone ?? 0;
  };
  await expect.poll(told, { timeout: 30_000, interval: 20 }).toBeGreaterThan(0);
}

async function manifests(): Promise<string[]> {
  const names = await readdir(join(stage.repository, 'manifests'), { recursive: true }).catch(() => []);
  return names
    .flatMap((name) => /backup_manifest_(\d{8}_\d{6})\.json$/.exec(name)?.[1] ?? [])
    .toSorted((a, b) => a.localeCompare(b));
}

describe('two runs at once', () => {
  let before = '';

  test('a second backup waits for the first, names it, and then makes a recovery point of its own', async () => {
    const first = await start('fullBackup', {});
    await moving(first, 'captureComponent');
    const second = await start('fullBackup', {});
    const waitingOn = async (): Promise<string> => (await second.query(progressQuery)).waitingOn;
    await expect.poll(waitingOn, { timeout: 20_000, interval: 50 }).toBe(`lock held by ${first.workflowId}`);
    const results = [await resultOf<FullBackupResult>(first), await resultOf<FullBackupResult>(second)] as const;
    expect(results.map(({ state }) => state)).toEqual(['sealed', 'sealed']);
    // The first had not begun to seal when the second asked, so the second began after the first had ended.
    expect(results[1].id > results[0].id).toBe(true);
    expect(results[1].storedBytes).toBeLessThan(bytes / 100);
    expect(await manifests()).toEqual(results.map(({ id }) => id));
    before = results[1].id;
  }, 90_000);

  test('a restore cancels the backup that runs: it commits, and the cancelled backup leaves no recovery point', async () => {
    const big = join(stage.data, 'big.bin');
    await overwrite(big);
    const backup = await start('fullBackup', {});
    await moving(backup, 'captureComponent');
    const subject = (await backup.query(progressQuery)).subject;
    expect(subject > before).toBe(true);
    const restore = await start('restore', { confirm: 'lean', reason: 'drill', at: before });
    await expect(resultOf(backup)).rejects.toMatchObject({ code: 'Aborted' });
    expect(await manifests()).not.toContain(subject);
    const result = await resultOf<RestoreResult>(restore);
    expect(result).toMatchObject({ state: 'committed', id: before });
    expect(await sha256Of(big)).toBe(stage.digest);
    const followUp = (await stage.client.workflow.getHandle(result.backupWorkflowId).result()) as FullBackupResult;
    expect(followUp.state).toBe('sealed');
    expect(await manifests()).toEqual(expect.not.arrayContaining([subject]));
    // The cancelled run's half written packs are gone from the staging of the repository.
    expect(await readdir(join(stage.repository, '.staging'))).toEqual([]);
  }, 90_000);
});

/** Other bytes of the same size in the same file. */
async function overwrite(path: string): Promise<void> {
  const { size } = await stat(path);
  const file = await open(path, 'r+');
  try {
    for (let at = 0; at < size; at += 2 ** 20)
      await file.write(randomBytes(Math.min(2 ** 20, size - at)), 0, undefined, at);
  } finally {
    await file.close();
  }
}
