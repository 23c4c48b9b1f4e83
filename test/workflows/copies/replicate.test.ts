import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ReplicateResult } from '../../../workflows/messages.ts';
import { failureOf, refuse, startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => {
  bench.reset();
  bench.locations = ['vault', 'offsite'];
});

const copied = { objects: 2, bytes: 10, points: ['20261122_020000'] };

describe('replicate', () => {
  test('D2.6, X7: `{}` brings every location up to date, measures what it holds, and writes its evidence', async () => {
    const handle = await bench.start('replicate', {});
    expect((await handle.result()) as ReplicateResult).toEqual({
      locations: [
        { location: 'vault', ...copied },
        { location: 'offsite', ...copied },
      ],
    });
    expect(bench.calls.filter((call) => call.startsWith('measure')).sort()).toEqual([
      'measure offsite',
      'measure vault',
    ]);
    expect(bench.reports).toMatchObject([{ type: 'replicate', report: { state: 'replicated', bytes: 20 } }]);
    expect(bench.messages).toEqual([]);
  });

  test('a sealed backup starts one and does not wait for it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.behave = (call) => (call.startsWith('replicate') ? promise : undefined);
    await (await bench.start('fullBackup', {})).result();
    const replication = bench.client.workflow.getHandle('replicate/wazuh/20261122_020000');
    expect((await replication.describe()).status.name).toBe('RUNNING');
    resolve();
    await replication.result();
  });

  test('a location that is down is tried again for hours; people hear of it once, and when it is well again', async () => {
    let failures = 0;
    bench.behave = (call) => {
      if (call === 'replicate offsite' && failures < 3) {
        failures += 1;
        refuse('StorageFailed', 'connection refused');
      }
    };
    const handle = await bench.start('replicate', { location: 'offsite' }, undefined, bench.skipping);
    expect(await handle.result()).toEqual({ locations: [{ location: 'offsite', ...copied }] });
    await expect
      .poll(() => bench.messages)
      .toEqual([
        expect.stringContaining('wazuh: offsite is not up to date: StorageFailed: connection refused') as string,
        expect.stringContaining('wazuh: offsite is up to date again') as string,
      ]);
  });

  test('one that stays down fails the run after hours; the others have their copy', async () => {
    bench.behave = (call) => {
      if (call === 'replicate offsite') refuse('StorageFailed', 'connection refused');
    };
    const handle = await bench.start('replicate', {}, undefined, bench.skipping);
    expect(await failureOf(handle)).toMatchObject({ type: 'StorageFailed' });
    expect(bench.calls).toContain('measure vault');
    expect(bench.reports).toMatchObject([
      { report: { state: 'failed', text: 'StorageFailed: connection refused', objects: 2 } },
    ]);
  });

  test('D2.7: what is damaged here is not spread, and the run fails at once with its name', async () => {
    bench.damaged = ['pack aa is damaged'];
    expect(await failureOf(await bench.start('replicate', { location: 'vault' }))).toEqual({
      type: 'ObjectCorrupt',
      message: 'vault lacks pack aa is damaged',
    });
  });

  test('an unknown location is named, with those that there are', async () => {
    expect(await failureOf(await bench.start('replicate', { location: 'moon' }))).toMatchObject({
      type: 'InputInvalid',
      message: expect.stringContaining('known are vault, offsite') as string,
    });
  });
});
