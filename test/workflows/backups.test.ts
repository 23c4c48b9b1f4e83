import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BackupResult } from '../../workflows/messages.ts';
import {
  benchAppliance,
  failureOf,
  refuse,
  startWorkflowBench,
  type WorkflowBench,
} from '../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

const tiered = [
  ...benchAppliance.components,
  { id: 'settings', kind: 'files', host: 'main', tier: 'configuration' },
  { id: 'metrics', kind: 'files', host: 'main', tier: 'monitoring' },
] as const;

const captures = (): string[] => bench.calls.filter((call) => /^(capture|increment) /.test(call)).sort();

describe('the kinds of backups', () => {
  test.each([
    ['fullBackup', ['capture metrics', 'capture postgres', 'capture redis', 'capture settings', 'capture vectors']],
    [
      'incrementalBackup',
      ['increment metrics', 'increment postgres', 'increment redis', 'increment settings', 'increment vectors'],
    ],
    ['configurationBackup', ['capture settings']],
    ['monitoringBackup', ['capture metrics']],
  ])('D2.1, D2.2, D2.3, X2: %s takes what it is for', async (type, expected) => {
    bench.components = tiered;
    const result = (await (await bench.start(type, {})).result()) as BackupResult;
    expect(result.state).toBe('sealed');
    expect(captures()).toEqual(expected);
    expect(bench.reports.map((report) => report.type)).toEqual([type]);
  });

  test('X1: the frequent backup goes on beside a long one and a restore test; a restore cancels all three', async () => {
    const reached = { full: Promise.withResolvers<undefined>(), test: Promise.withResolvers<undefined>() };
    bench.behave = async (call) => {
      if (call === 'capture vectors') reached.full.resolve(undefined);
      else if (call === 'validate postgres' && bench.calls.filter((each) => each === call).length === 1)
        reached.test.resolve(undefined);
      else return;
      await new Promise(() => {});
    };
    const full = await bench.start('fullBackup', {});
    const proof = await bench.start('proveBackup', {});
    await Promise.all([reached.full.promise, reached.test.promise]);
    const critical = await bench.start('criticalBackup', {});
    expect(await critical.result()).toMatchObject({ state: 'sealed' });
    bench.behave = () => undefined;
    const restore = await bench.start('restore', { confirm: 'wazuh', components: ['redis'] });
    await restore.result();
    expect(await failureOf(full)).toMatchObject({ type: 'CancelledFailure' });
    expect(await failureOf(proof)).toMatchObject({ type: 'CancelledFailure' });
    // The one that follows a restore: else it would go on into the next test.
    const states = (): unknown[] =>
      bench.reports.filter(({ type }) => type === 'fullBackup').map(({ report }) => report.state);
    await expect.poll(states).toEqual(['cancelled', 'sealed']);
  });

  test('components that are named are taken, whatever their tier', async () => {
    bench.components = tiered;
    await (await bench.start('monitoringBackup', { components: ['redis'] })).result();
    expect(captures()).toEqual(['capture redis']);
  });

  test('without a component of the tier nothing begins, and the error says what to write', async () => {
    expect(await failureOf(await bench.start('monitoringBackup', {}))).toMatchObject({
      type: 'InputInvalid',
      message: expect.stringContaining('tier: monitoring') as string,
    });
    expect(bench.calls).not.toContain('begin');
  });

  test('a failed one says which it is', async () => {
    bench.behave = (call) => {
      if (call === 'begin') refuse('NoSpace');
    };
    await failureOf(await bench.start('incrementalBackup', {}, undefined, bench.skipping));
    await expect.poll(() => bench.messages).toEqual([expect.stringContaining('Incremental backup of wazuh failed')]);
  });
});

describe('configWatch', () => {
  const watches = (): string[] => bench.calls.filter((call) => call.startsWith('watch '));

  test('D2.3: a change gives a configuration backup, no change gives none', async () => {
    bench.components = tiered;
    bench.changes = [['settings'], []];
    bench.behave = (call) => (call === 'watch settings' && watches().length > 3 ? new Promise(() => {}) : undefined);
    const handle = await bench.start('configWatch', {}, undefined, bench.skipping);
    await expect.poll(watches).toHaveLength(4);
    expect(captures()).toEqual(['capture settings']);
    expect(bench.reports).toMatchObject([
      { type: 'configurationBackup', report: { reason: 'changed: settings', requestedBy: handle.workflowId } },
    ]);
    await handle.cancel();
    expect(await failureOf(handle)).toMatchObject({ type: 'CancelledFailure' });
  });

  test('a backup that fails is told, and tried again with growing pauses', async () => {
    bench.components = tiered;
    bench.changes = [['settings'], ['settings'], ['settings']];
    let left = 2;
    bench.behave = (call) => {
      if (call === 'capture settings' && left-- > 0) refuse('PermissionDenied');
      return call === 'watch settings' && watches().length > 3 ? new Promise(() => {}) : undefined;
    };
    const handle = await bench.start('configWatch', {}, undefined, bench.skipping);
    await expect.poll(watches).toHaveLength(4);
    expect(bench.reports.map(({ report }) => report.state)).toEqual(['failed', 'failed', 'sealed']);
    const told = bench.messages.filter((text) =>
      text.startsWith('wazuh: changes of the configuration are not backed up'),
    );
    expect(told).toHaveLength(1);
    await handle.cancel();
    await failureOf(handle);
  });
});
