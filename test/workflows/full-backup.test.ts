import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BackupResult } from '../../workflows/messages.ts';
import { failureOf, refuse, startWorkflowBench, type WorkflowBench } from '../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

describe('fullBackup', () => {
  test('D2.1: captures every component, seals last, and writes its evidence', async () => {
    const handle = await bench.start('fullBackup', {});
    const result = (await handle.result()) as BackupResult;
    expect(result).toMatchObject({ state: 'sealed', id: '20261122_020000', bytes: 10, storedBytes: 5 });
    expect(bench.calls.at(-2)).toBe('seal postgres+redis+vectors without ');
    expect(bench.reports).toMatchObject([{ type: 'fullBackup', id: handle.workflowId, report: { state: 'sealed' } }]);
    expect(bench.messages).toEqual([]);
  });

  test('what a driver notes of its capture is told in the evidence, with its component', async () => {
    await (await bench.start('fullBackup', {})).result();
    expect(bench.reports[0]?.report.notes).toEqual([
      expect.stringMatching(/^[\d:]{8} vectors: attributes of vectors were not captured$/),
    ]);
  });

  test('each step run twice gives the same result', async () => {
    bench.behave = (call, attempt) => {
      if (attempt === 1) throw new Error(`first attempt of ${call} died`);
    };
    const result = (await (await bench.start('fullBackup', {})).result()) as BackupResult;
    expect(result.state).toBe('sealed');
    for (const call of ['begin', 'capture postgres', 'capture redis', 'capture vectors', 'report'])
      expect(bench.calls.filter((made) => made === call)).toHaveLength(2);
  });

  test('a failing component does not stop the others: the point is sealed as partial, the run fails and tells people', async () => {
    bench.behave = (call) => {
      if (call === 'capture redis') refuse('SourceEmpty', 'redis: no key');
    };
    const handle = await bench.start('fullBackup', {});
    expect(await failureOf(handle)).toMatchObject({
      type: 'BackupPartial',
      message: expect.stringContaining('redis: SourceEmpty: no key') as string,
    });
    expect(bench.calls).toContain('seal postgres+vectors without redis');
    expect(bench.reports[0]?.report.state).toBe('partial');
    await expect
      .poll(() => bench.messages)
      .toEqual([expect.stringMatching(/^Backup of wazuh partial: .*redis: SourceEmpty/)]);
  });

  test('a capture of a damaged source is sealed as suspect and told like a partial one, with the corrupt page', async () => {
    bench.suspects = ['postgres'];
    const handle = await bench.start('fullBackup', {});
    const why = 'is suspect: postgres: SourceCorrupt: corrupt page: base/5/1259 block 3';
    expect(await failureOf(handle)).toMatchObject({
      type: 'BackupPartial',
      message: expect.stringContaining(why) as string,
    });
    expect(bench.calls).toContain('seal postgres+redis+vectors without ');
    expect(bench.reports[0]?.report).toMatchObject({ state: 'suspect' });
    await expect
      .poll(() => bench.messages)
      .toEqual([expect.stringContaining(`Backup of wazuh suspect: recovery point`)]);
  });

  test('a cancelled backup keeps lock and intent until the last capture has ended', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.deaf = (call) => call === 'capture redis';
    bench.behave = (call) => (call.startsWith('capture') ? promise : undefined);
    const handle = await bench.start('fullBackup', {});
    await expect.poll(() => bench.calls).toContain('capture redis');
    await handle.cancel();
    const lock = bench.client.workflow.getHandle('lock/wazuh');
    // The captures that heed the cancellation have ended.
    await expect.poll(async () => (await handle.describe()).raw.pendingActivities?.length).toBe(1);
    expect(bench.calls).not.toContain('release');
    expect((await lock.describe()).status.name).toBe('RUNNING');
    resolve();
    expect(await failureOf(handle)).toMatchObject({ type: 'CancelledFailure' });
    expect(bench.calls).toContain('release');
  });

  test.each(['begin', 'seal postgres+redis+vectors without '])(
    'a failure of `%s` ends the run with its own code, with evidence and a message',
    async (step) => {
      bench.behave = (call) => {
        if (call === step) refuse('NoSpace');
      };
      expect(await failureOf(await bench.start('fullBackup', {}))).toMatchObject({ type: 'NoSpace' });
      expect(bench.reports[0]?.report.state).toBe('failed');
      expect(bench.calls.includes('release')).toBe(step !== 'begin');
      await expect.poll(() => bench.messages.length).toBe(1);
    },
  );

  test('two backups at once: the second waits half an hour for the lock, then is skipped and says who holds it', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => void (release = resolve));
    bench.behave = (call) => (call === 'begin' ? gate : undefined);
    const first = await bench.start('fullBackup', {}, 'fullBackup/wazuh/first');
    await expect.poll(() => bench.calls).toContain('begin');
    const second = await bench.start('fullBackup', {}, 'fullBackup/wazuh/second', bench.skipping);
    const result = (await second.result()) as BackupResult;
    expect(result).toMatchObject({ state: 'skipped', text: 'skipped: held by fullBackup/wazuh/first' });
    await expect
      .poll(() => bench.messages)
      .toEqual([expect.stringContaining('skipped: held by fullBackup/wazuh/first')]);
    release();
    expect(((await first.result()) as BackupResult).state).toBe('sealed');
  });

  test.each([
    ['its result', undefined, 'sealed'],
    ['its own error', 'NoSpace', 'failed'],
  ])(
    'a lock that somebody terminated takes nothing from the run: %s, evidence and message stay, and the notes say so',
    async (_what, code, state) => {
      bench.behave = async (call) => {
        if (!call.startsWith('seal ')) return;
        await bench.client.workflow.getHandle('lock/wazuh').terminate('by somebody');
        if (code !== undefined) refuse(code);
      };
      const handle = await bench.start('fullBackup', {});
      if (code === undefined) expect(await handle.result()).toMatchObject({ state });
      else expect(await failureOf(handle)).toMatchObject({ type: code });
      expect(bench.reports).toMatchObject([
        {
          report: {
            state,
            notes: expect.arrayContaining([expect.stringContaining('the lock was gone before')]) as unknown,
          },
        },
      ]);
      if (code !== undefined)
        await expect.poll(() => bench.messages).toEqual([expect.stringContaining(`Backup of wazuh failed: ${code}`)]);
    },
  );

  test('an unknown component is refused with an example, before anything begins', async () => {
    expect(await failureOf(await bench.start('fullBackup', { components: ['nope'] }))).toMatchObject({
      type: 'InputInvalid',
      message: expect.stringContaining('{"components":["postgres"]}') as string,
    });
    expect(bench.calls).not.toContain('begin');
  });
});
