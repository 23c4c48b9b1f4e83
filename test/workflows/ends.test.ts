/** How every run ends, whatever of its end fails: the frame of workflows/run/run.ts. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { progressQuery, type RestoreResult } from '../../workflows/messages.ts';
import { failureOf, refuse, startWorkflowBench, type WorkflowBench } from '../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

test('a run that another one started and that cannot read the configuration is told', async () => {
  bench.behave = (call) => {
    if (call === 'describe fullBackup') refuse('ConfigInvalid', 'lifeboat.yaml line 3: unknown key');
  };
  const restore = await bench.start('restore', { confirm: 'wazuh', components: ['redis'] });
  const { backupWorkflowId } = (await restore.result()) as RestoreResult;
  const backup = bench.client.workflow.getHandle(backupWorkflowId);
  expect(await failureOf(backup)).toMatchObject({ type: 'ConfigInvalid' });
  expect(await backup.query(progressQuery)).toMatchObject({ state: { status: 'failed' } });
  await expect
    .poll(() => bench.messages)
    .toContainEqual(
      expect.stringContaining(`${backupWorkflowId} does nothing: ConfigInvalid: lifeboat.yaml line 3: unknown key`),
    );
});

test('what was to follow and fails is noted, and changes nothing of the result', async () => {
  bench.news = ['RPO BREACHED'];
  bench.behave = (call) => {
    if (call === 'note RPO') refuse('StorageFailed', 'the disk is gone');
  };
  const watch = await bench.start('rpoWatch', {});
  expect(await watch.result()).toMatchObject({ news: ['RPO BREACHED'] });
  expect((await watch.query(progressQuery)).notes).toContainEqual(
    expect.stringMatching(/what was to follow did not start: StorageFailed: the disk is gone$/),
  );
  await expect.poll(() => bench.messages).toContainEqual(expect.stringContaining('RPO BREACHED'));
});

test('a repository that cannot take the reserved id back holds nobody: the lock goes at once', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.behave = (call) => {
    if (call === 'capture redis') refuse('EngineFailed', 'redis is down');
    return call === 'release' ? promise : undefined;
  };
  const backup = await bench.start('fullBackup', { components: ['redis'] });
  await expect.poll(() => bench.calls).toContain('release');
  const lock = bench.client.workflow.getHandle('lock/wazuh');
  await expect.poll(async () => (await lock.describe()).status.name).toBe('COMPLETED');
  expect((await backup.describe()).status.name).toBe('RUNNING');
  resolve();
  expect(await failureOf(backup)).toMatchObject({ type: 'EngineFailed' });
});

test('what a restore test cannot remove is told and stands in its report', async () => {
  bench.behave = (call) => {
    if (call === 'validate redis') refuse('NoSpace', 'no room for the engine');
    if (call === 'undo redis') refuse('PermissionDenied', 'EACCES');
  };
  const proof = await bench.start('proveBackup', { components: ['redis'] });
  expect(await failureOf(proof)).toMatchObject({ type: 'NoSpace' });
  expect(bench.reports).toMatchObject([{ report: { state: 'failed', notUndone: ['stage:redis: EACCES'] } }]);
  await expect.poll(() => bench.messages.join()).toContain('not undone: stage:redis: EACCES');
});
