/** Two runs at once through a real worker: what waits, what gives way, and that nothing half done is a recovery point. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resultOf } from '../../src/client/runs.ts';
import { newRunId } from '../../src/client/start-run.ts';
import { progressQuery, type BackupResult, type RestoreResult, type RunView } from '../../workflows/messages.ts';
import { configOf, writeStore } from '../drivers/vectorstore/store.ts';
import { sha256Of, startLeanStage, type LeanStage } from '../support/lean-stage.ts';

/** A vector store is watched for this long before it is read: a capture that certainly lasts while another run begins. */
const quietSeconds = 4;
let stage: LeanStage;
beforeAll(async () => {
  stage = await startLeanStage(5e6);
  const vectors = join(stage.folder, 'vectors');
  await writeStore(vectors, { vectors: 20 });
  const { embeddingModel } = configOf(vectors);
  const text = await readFile(stage.configFile, 'utf8');
  const added = `, vectors: { kind: vectorstore, path: ${vectors}, quiet: ${quietSeconds}s, embeddingModel: ${embeddingModel} } }`;
  await writeFile(stage.configFile, text.replace(/^(components: .*) \}$/m, `$1${added}`));
  await stage.startWorker();
});
afterAll(async () => stage.stop());

async function start(type: 'fullBackup' | 'restore', input: object): Promise<WorkflowHandle> {
  const { client, appliance } = stage;
  const workflowId = newRunId(type, appliance, new Date());
  return client.workflow.start(type, { workflowId, taskQueue: appliance.temporal.taskQueue, args: [input] });
}

const viewOf = async (handle: WorkflowHandle): Promise<RunView> => handle.query(progressQuery);

/** Resolves in the middle of a backup: the files are stored, the vector store is still watched. */
async function halfWay(backup: WorkflowHandle): Promise<RunView> {
  const states = async (): Promise<string[]> => (await viewOf(backup)).steps.map(({ id, state }) => `${id} ${state}`);
  await expect.poll(states, { interval: 50 }).toEqual(['capture:data done', 'capture:vectors running']);
  return viewOf(backup);
}

async function manifests(): Promise<string[]> {
  const names = await readdir(join(stage.repository, 'manifests'), { recursive: true }).catch(() => []);
  return names.flatMap((name) => /backup_manifest_(\d{8}_\d{6})\.json$/.exec(name)?.[1] ?? []).toSorted();
}

describe('two runs at once', () => {
  let point = '';

  test('a second backup waits for the first, names it, and then makes a recovery point of its own', async () => {
    const first = await start('fullBackup', {});
    await halfWay(first);
    const second = await start('fullBackup', {});
    await expect
      .poll(async () => (await viewOf(second)).waitingOn, { interval: 50 })
      .toBe(`lock held by ${first.workflowId}`);
    const results = [await resultOf<BackupResult>(first), await resultOf<BackupResult>(second)] as const;
    expect(results.map(({ state }) => state)).toEqual(['sealed', 'sealed']);
    expect(results[1].id > results[0].id).toBe(true);
    // It began after the first had ended: nothing is stored twice.
    expect(results[1].storedBytes).toBeLessThan(results[0].storedBytes / 100);
    expect(await manifests()).toEqual(results.map(({ id }) => id));
    point = results[1].id;
  });

  test('a restore cancels the backup that runs: it commits, and the cancelled backup leaves no recovery point', async () => {
    const big = join(stage.data, 'big.bin');
    await writeFile(big, 'spoiled');
    // One that nobody wrote since its last capture would not be watched.
    await writeStore(join(stage.folder, 'vectors'), { vectors: 21 });
    const backup = await start('fullBackup', {});
    const cancelled = (await halfWay(backup)).subject;
    expect(cancelled > point).toBe(true);
    const restore = await start('restore', { confirm: 'lean', reason: 'drill', at: point });
    await expect(resultOf(backup)).rejects.toMatchObject({ code: 'Aborted' });
    const result = await resultOf<RestoreResult>(restore);
    expect(result).toMatchObject({ state: 'committed', id: point });
    expect(await sha256Of(big)).toBe(stage.digest);
    const followUp = await resultOf<BackupResult>(stage.client.workflow.getHandle(result.backupWorkflowId));
    const points = await manifests();
    expect(points).toHaveLength(3);
    expect(points).toContain(followUp.id);
    expect(points).not.toContain(cancelled);
    // What the cancelled run had half written is gone.
    expect(await readdir(join(stage.repository, '.staging'))).toEqual([]);
  });
});
