import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { progressQuery, type VerifyBackupResult } from '../../../workflows/messages.ts';
import { startedLate } from '../../histories/scenarios.ts';
import { failureOf, refuse, startWorkflowBench, type WorkflowBench } from '../../support/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => void (bench = await startWorkflowBench()));
afterAll(async () => bench.stop());
beforeEach(() => bench.reset());

const at = '20261122_020000';

describe('verifyBackup', () => {
  test('D2.7: a sound point is reported with its levels, and nobody is told', async () => {
    const handle = await bench.start('verifyBackup', { at, requestedBy: 'ann' });
    const result = (await handle.result()) as VerifyBackupResult;
    expect(result).toEqual({ id: at, ok: true, objects: 3, bytes: 10, problems: [], levels: ['L1', 'L3'] });
    expect(await handle.query(progressQuery)).toMatchObject({ state: { status: 'verified' }, subject: at });
    expect(bench.reports).toMatchObject([
      { type: 'verifyBackup', id: handle.workflowId, report: { state: 'verified', backup: at, requestedBy: 'ann' } },
    ]);
    expect(bench.messages).toEqual([]);
  });

  test('`{}` verifies the newest, also one that failed before', async () => {
    expect(((await (await bench.start('verifyBackup', {})).result()) as VerifyBackupResult).id).toBe('newest');
  });

  test('D2.7: damage fails the run with every problem in its evidence, and people are told', async () => {
    const problems = ['redis: file `dump.rdb`, object packs/aa/bb: ObjectMissing', 'vectors: neighbours differ'];
    bench.verification = { ok: false, problems };
    const handle = await bench.start('verifyBackup', { at });
    expect(await failureOf(handle)).toEqual({
      type: 'ObjectCorrupt',
      message: `recovery point ${at} is damaged: ${problems.join('; ')}`,
    });
    expect(bench.reports).toMatchObject([{ report: { state: 'failed', text: problems.join('; '), backup: at } }]);
    await expect
      .poll(() => bench.messages)
      .toEqual([expect.stringContaining(`Backup validation failed for ${at}: ${problems[0]}`)]);
  });

  test('a verification that cannot be made ends with its own code, with evidence and a message', async () => {
    bench.behave = (call) => {
      if (call === 'verifyPoint') refuse('KeyWrong', 'the key does not open this repository');
    };
    expect(await failureOf(await bench.start('verifyBackup', { at }))).toMatchObject({ type: 'KeyWrong' });
    expect(bench.reports).toMatchObject([
      { report: { state: 'failed', text: expect.stringMatching(/^KeyWrong: /) as string } },
    ]);
    await expect.poll(() => bench.messages).toEqual([expect.stringContaining('KeyWrong')]);
  });

  test('it takes no lock: a backup runs beside it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.behave = (call) => (call === 'verifyPoint' ? promise : undefined);
    const handle = await bench.start('verifyBackup', { at });
    await expect.poll(() => bench.calls).toContain('verifyPoint');
    expect(await (await bench.start('fullBackup', {})).result()).toMatchObject({ state: 'sealed' });
    resolve();
    expect(await handle.result()).toMatchObject({ ok: true });
  });
});

test('O1.1: a backup that begins more than 15 min after its scheduled time tells people, and is made all the same', async () => {
  const handle = await startedLate(bench);
  const { lateSeconds, state } = (await handle.result()) as { lateSeconds: number; state: string };
  expect(state).toBe('sealed');
  expect(lateSeconds).toBeGreaterThan(2 * 86_400);
  expect(bench.reports).toMatchObject([
    { type: 'fullBackup', report: { state: 'sealed', lateSeconds: expect.closeTo(lateSeconds, 0) as number } },
  ]);
  await expect.poll(() => bench.messages).toEqual([expect.stringMatching(/^Backup of wazuh begins late: [23] d/)]);
});

test('what the jitter of its schedule put off is not late', async () => {
  bench.jitterSeconds = 4 * 86_400;
  const handle = await startedLate(bench);
  expect(await handle.result()).toMatchObject({ state: 'sealed', lateSeconds: 0 });
  expect(bench.messages).toEqual([]);
});

test('O1.1: a backup that was due while the scheduled one before it was open is told as skipped', async () => {
  bench.due = ['2026-11-22T02:00:00.000Z'];
  const handle = await startedLate(bench);
  await expect
    .poll(() => bench.messages)
    .toContainEqual(
      expect.stringContaining(
        `Backup of wazuh skipped: due 2026-11-22T02:00:00.000Z, ${handle.workflowId} was still open`,
      ),
    );
});
