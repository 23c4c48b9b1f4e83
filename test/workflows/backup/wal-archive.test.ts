import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { progressQuery } from '../../../workflows/messages.ts';
import { failureOf, refuse, startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

const shifts = (): string[] => bench.calls.filter((call) => call.startsWith('archive '));

/** Stays in its shift from the given one on. */
function holdAt(shift: number): void {
  bench.behave = (call) =>
    call.startsWith('archive ') && shifts().length >= shift ? new Promise(() => {}) : undefined;
}

describe('walArchive', () => {
  test('X1: one shift follows the other, an hour each while all is well', async () => {
    holdAt(4);
    const handle = await bench.start('walArchive', { component: 'postgres' });
    await expect.poll(shifts).toHaveLength(4);
    expect(shifts()).toEqual([
      'archive postgres for 60 s',
      ...Array.from({ length: 3 }, () => 'archive postgres for 3600 s'),
    ]);
    expect(await handle.query(progressQuery)).toMatchObject({
      state: { status: 'archiving' },
      subject: '20261122_020000',
    });
    await handle.cancel();
    expect(await failureOf(handle)).toMatchObject({ type: 'CancelledFailure' });
    expect(bench.messages).toEqual([]);
  });

  test('a break is told and a full backup is started by itself, once', async () => {
    bench.walStates = ['broken', 'broken', 'continuous'];
    holdAt(4);
    const handle = await bench.start('walArchive', { component: 'postgres' });
    await expect.poll(shifts).toHaveLength(4);
    await expect.poll(() => bench.calls.filter((call) => call === 'begin')).toHaveLength(1);
    await expect
      .poll(() => bench.messages)
      .toEqual([expect.stringMatching(/^wazuh: postgres is UNPROTECTED: there is a hole .* a full backup is started/)]);
    await handle.cancel();
    await failureOf(handle);
  });

  test('a full backup that is under way is enough, whatever its id', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const captures = () => bench.calls.filter((call) => call === 'begin').length;
    bench.behave = (call) => (call === 'begin' ? promise : undefined);
    const backup = await bench.start('fullBackup', {}, 'before-the-move');
    await expect.poll(captures).toBe(1);
    bench.walStates = ['broken', 'continuous'];
    bench.behave = (call) => (call === 'archive postgres for 3600 s' ? new Promise(() => {}) : undefined);
    const handle = await bench.start('walArchive', { component: 'postgres' });
    await expect.poll(() => shifts().at(-1)).toBe('archive postgres for 3600 s');
    resolve();
    await backup.result();
    await handle.cancel();
    await failureOf(handle);
    expect([captures(), bench.messages]).toEqual([1, []]);
  });

  test('what a person has to correct is told once, and tried again every minute', async () => {
    bench.behave = (call) => {
      if (!call.startsWith('archive ')) return undefined;
      if (shifts().length <= 3) refuse('WalConflict', 'the server has other WAL');
      return new Promise(() => {});
    };
    const handle = await bench.start('walArchive', {}, undefined, bench.skipping);
    await expect.poll(shifts).toHaveLength(4);
    await expect
      .poll(() => bench.messages)
      .toEqual([expect.stringContaining('WAL of postgres is not archived: WalConflict: the server has other WAL')]);
    await handle.cancel();
    await failureOf(handle);
  });

  test('a component that is no database is refused with an example', async () => {
    const handle = await bench.start('walArchive', { component: 'redis' });
    expect(await failureOf(handle)).toMatchObject({
      type: 'InputInvalid',
      message: expect.stringContaining('{"component":"postgres"}') as string,
    });
  });
});
