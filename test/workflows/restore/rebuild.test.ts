import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RebuildResult, RestoreResult } from '../../../workflows/messages.ts';
import { failureOf, refuse, startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

/** What a run starts beside itself has ended, or the next test would see its calls. */
const endOf = async (type: string): Promise<void> =>
  expect.poll(() => bench.reports.map((report) => report.type)).toContain(type);

const captures = () => bench.calls.filter((call) => call.startsWith('increment')).toSorted();
const vectors = { components: ['vectors'], confirm: 'wazuh' };

describe('rebuild', () => {
  test('D6.6: the application builds it anew; then a backup holds it, and people know what it is', async () => {
    const handle = await bench.start('rebuild', { ...vectors, requestedBy: 'ann', reason: 'older than all' });
    expect((await handle.result()) as RebuildResult).toMatchObject({
      built: [{ component: 'vectors', documents: 7, safetyCopy: '/old/vectors' }],
    });
    await endOf('incrementalBackup');
    expect(bench.reports.find(({ type }) => type === 'rebuild')).toMatchObject({
      report: { state: 'rebuilt', requestedBy: 'ann', reason: 'older than all', safetyCopies: ['/old/vectors'] },
    });
    expect(bench.messages[0]).toMatch(/7 documents that the application still had, .* before lies in \/old\/vectors/);
    expect(captures()).toContain('increment vectors');
  });

  test.each([
    [{}, 'known are vectors'],
    [{ confirm: 'wazuh' }, 'known are vectors'],
    [{ components: ['redis'], confirm: 'wazuh' }, 'unknown vector store redis; known are vectors'],
    [{ components: ['vectors'] }, '`confirm` must be the name of the appliance'],
    [{ components: ['vectors'], confirm: 'other' }, '`confirm` must be the name of the appliance'],
  ])('`%j` changes nothing, and says what may be named', async (input, message) => {
    expect(await failureOf(await bench.start('rebuild', input))).toMatchObject({
      type: 'InputInvalid',
      message: expect.stringContaining(message) as string,
    });
    expect(bench.calls).toEqual(['report']);
  });

  test('a failure is told with its cause, and no backup follows', async () => {
    bench.behave = (call) => (call === 'rebuild vectors' ? refuse('EngineFailed', 'exit code 22') : undefined);
    expect(await failureOf(await bench.start('rebuild', vectors))).toMatchObject({ type: 'EngineFailed' });
    expect(bench.reports).toMatchObject([{ type: 'rebuild', report: { state: 'failed' } }]);
    await expect.poll(() => bench.messages).toMatchObject([expect.stringContaining('exit code 22')]);
    expect(captures()).toEqual([]);
  });

  const builds = () => bench.calls.filter((call) => call === 'rebuild vectors').length;

  test('one that still builds goes on when a person asks for another, and gives way to a restore', async () => {
    bench.behave = (call) => (call === 'rebuild vectors' ? new Promise(() => {}) : undefined);
    const first = await bench.start('rebuild', vectors, 'build-it');
    await expect.poll(builds).toBe(1);
    const posing = { ...vectors, requestedBy: 'restore/wazuh/1' };
    const refused = await bench.start('rebuild', posing, undefined, bench.skipping);
    expect(await failureOf(refused)).toMatchObject({ type: 'LockHeld' });
    await (await bench.start('restore', { confirm: 'wazuh', components: ['redis'] })).result();
    expect(await failureOf(first)).toMatchObject({ type: 'CancelledFailure' });
    await endOf('fullBackup');
  });

  test('one that a restore asked for takes the place of one that a person began meanwhile, whatever ids they have', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let described = 0;
    bench.behave = (call) => {
      if (call === 'rebuild vectors' && builds() === 1) return new Promise(() => {});
      return call === 'describe rebuild' && (described += 1) === 1 ? promise : undefined;
    };
    const restore = await bench.start('restore', { confirm: 'wazuh', rebuild: ['vectors'] }, 'bring-back');
    const { rebuildWorkflowId = '' } = (await restore.result()) as RestoreResult;
    await expect.poll(() => described).toBe(1);
    const first = await bench.start('rebuild', vectors, 'build-it');
    await expect.poll(builds).toBe(1);
    resolve();
    expect(await failureOf(first)).toMatchObject({ type: 'CancelledFailure' });
    await bench.client.workflow.getHandle(rebuildWorkflowId).result();
    expect(builds()).toBe(2);
    await endOf('fullBackup');
    await endOf('incrementalBackup');
  });

  test('D6.6, O7.1: a restore leaves it out, and when that is committed the application builds it', async () => {
    const handle = await bench.start('restore', { confirm: 'wazuh', rebuild: ['vectors'] });
    const { state, plan, rebuildWorkflowId = '' } = (await handle.result()) as RestoreResult;
    expect([state, plan.rebuilds, plan.components.map(({ id }) => id)]).toEqual([
      'committed',
      ['vectors'],
      ['postgres', 'redis'],
    ]);
    await bench.client.workflow.getHandle(rebuildWorkflowId).result();
    await endOf('fullBackup');
    await endOf('incrementalBackup');
    expect(bench.calls.filter((call) => call.endsWith(' vectors') && !/^(capture|increment)/.test(call))).toEqual([
      'rebuild vectors',
    ]);
    expect(bench.calls.indexOf('rebuild vectors')).toBeGreaterThan(bench.calls.indexOf('commit redis'));
  });

  test('a restore that is undone leaves it alone', async () => {
    bench.behave = (call) => (call === 'health' ? refuse('ServiceFailed') : undefined);
    await failureOf(await bench.start('restore', { confirm: 'wazuh', rebuild: ['vectors'] }));
    expect(bench.calls).not.toContain('rebuild vectors');
  });
});
