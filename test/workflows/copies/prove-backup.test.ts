import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { resultOf } from '../../../src/client/runs.ts';
import { failureOf, refuse, startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

describe('proveBackup', () => {
  test('D2.7: stages, opens and removes each component, stops and swaps nothing, and writes the proof', async () => {
    const handle = await bench.start('proveBackup', {});
    expect(await handle.result()).toMatchObject({ id: '20261122_020000', ok: true, failed: [] });
    expect(bench.calls).toEqual([
      'resolve',
      ...['postgres', 'redis', 'vectors'].flatMap((id) => [`stage ${id}`, `validate ${id}`, `undo ${id}`]),
      'test with 0 problems',
      'report',
    ]);
    expect(bench.messages).toEqual([]);
  });

  test('F2: only what was asked for is tried, and a component of which nothing was compared is not proven', async () => {
    bench.validations = (component) => [
      { component, name: 'keys', expected: '1', actual: 'not compared: no server here', ok: false, notCompared: true },
    ];
    const handle = await bench.start('proveBackup', { components: ['redis'] });
    expect(await handle.result()).toMatchObject({
      ok: true,
      failed: [],
      text: '0 probes hold, 1 not compared',
      unproven: ['redis'],
    });
    expect(bench.calls).toEqual([
      'resolve',
      'stage redis',
      'validate redis',
      'undo redis',
      'test with 0 problems, nothing of redis',
      'report',
    ]);
    expect(await failureOf(await bench.start('proveBackup', { components: ['bogus'] }))).toMatchObject({
      type: 'NotFound',
    });
  });

  test('D2.7: what cannot be opened is removed all the same, told, and written against the point; the others go on', async () => {
    bench.behave = (call) => {
      if (call === 'validate redis') refuse('ValidationFailed', 'the server does not start on it');
    };
    await expect(resultOf(await bench.start('proveBackup', {}))).rejects.toMatchObject({
      code: 'ValidationFailed',
      message: expect.stringMatching(/failed its restore test: redis: opens: expected it does, found Val/) as string,
      hint: expect.stringContaining('lifeboat backups run') as string,
    });
    expect(bench.calls).toContain('undo redis');
    expect(bench.calls).toContain('validate vectors');
    expect(bench.calls).toContain('test with 1 problems');
    await expect
      .poll(() => bench.messages)
      .toEqual([
        expect.stringContaining(
          'Restore test of wazuh 20261122_020000 failed: redis: opens: expected it does, found ValidationFailed: the server does not start',
        ),
      ]);
  });

  test('what says nothing of the point, a full disk for example, is no proof against it', async () => {
    bench.behave = (call) => {
      if (call === 'stage redis') refuse('NoSpace', 'the disk is full');
    };
    expect(await failureOf(await bench.start('proveBackup', {}))).toMatchObject({ type: 'NoSpace' });
    expect(bench.calls.filter((call) => call.startsWith('test with'))).toEqual(['test with 0 problems']);
  });

  test('what was found before something else stopped the restore test is written all the same', async () => {
    bench.behave = (call) => {
      if (call === 'validate postgres') refuse('ObjectCorrupt', 'a segment is damaged');
      if (call === 'stage redis') refuse('NoSpace', 'the disk is full');
    };
    expect(await failureOf(await bench.start('proveBackup', {}))).toMatchObject({ type: 'NoSpace' });
    expect(bench.calls).toContain('test with 1 problems');
  });

  test('a restore takes the appliance from it; it removes what it staged and is no news', async () => {
    const reached = Promise.withResolvers<undefined>();
    bench.behave = async (call) => {
      if (call !== 'validate postgres' || bench.calls.filter((each) => each === call).length > 1) return;
      reached.resolve(undefined);
      await new Promise(() => {});
    };
    const proof = await bench.start('proveBackup', {});
    await reached.promise;
    const restore = await bench.start('restore', { confirm: 'wazuh', components: ['redis'] });
    await restore.result();
    expect(await failureOf(proof)).toMatchObject({ type: 'CancelledFailure' });
    expect(bench.calls.indexOf('undo postgres')).toBeLessThan(bench.calls.indexOf('swap redis'));
    expect(bench.messages.filter((text) => text.startsWith('Restore test'))).toEqual([]);
  });
});
