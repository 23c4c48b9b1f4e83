/** Gates, decisions, pause and abort, steered from outside as people do it, on a plan made for the test. */
import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decideUpdate, pauseUpdate, progressQuery, resumeUpdate, abortUpdate } from '../../../workflows/messages.ts';
import { startTinyBench, type TinyBench } from './tiny-bench.ts';
import { tinyStep as step } from './tiny-step.ts';
import type { Script, TinyResult, TinyStep } from './tiny-workflow.ts';

let bench: TinyBench;
beforeAll(async () => void (bench = await startTinyBench()));
afterAll(async () => bench.stop());

async function start(steps: readonly TinyStep[], script: Partial<Script> = {}): Promise<WorkflowHandle> {
  return bench.start([{ steps, parallelSteps: 6, script: { gates: {}, failures: {}, ...script } }]);
}

interface Ended {
  readonly outcome: TinyResult['outcome'];
  readonly log: readonly string[];
}

async function resultOf(handle: WorkflowHandle): Promise<Ended> {
  const [result] = (await handle.result()) as readonly TinyResult[];
  const { outcome, log } = result!;
  return { outcome, log: log.map(([what]) => what).filter((what) => !/^(asked|answered) /.test(what)) };
}

const begun = (log: readonly string[], word: string): string[] =>
  log.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

test('a failure behind the pivot undoes nothing, whatever its policy says, and the others go on', async () => {
  const after = { phase: 'after-pivot', after: ['a'] } as const;
  const { outcome, log } = await resultOf(
    await start([step('a'), step('b', { ...after, failures: 1 }), step('c', after)]),
  );
  expect(outcome).toEqual({ kind: 'done', failures: ['b: b was made to fail'] });
  expect(begun(log, 'done')).toEqual(['a', 'c']);
  expect(begun(log, 'undo')).toEqual([]);
});

async function asked(handle: WorkflowHandle, id: string): Promise<void> {
  await expect
    .poll(async () => (await handle.query(progressQuery)).questions.map((question) => question.id))
    .toContain(id);
}

const answer = (changes: object): [object] => [
  { question: 'b', attempt: '1', planHash: 'h1', choice: 'approve', by: 'ann', ...changes },
];

describe('a gate', () => {
  const gate = { question: 'go on?', deadlineSeconds: 600, byDefault: 'reject' } as const;
  const steps = [step('a'), step('b', { after: ['a'], gate })];

  test('lets nobody pass before the answer; one that is stale, early, foreign or no answer is refused with the reason', async () => {
    const handle = await start(steps);
    await asked(handle, 'b');
    expect(await handle.query(progressQuery)).toMatchObject({ waitingOn: 'decision: b' });
    for (const [changes, reason] of [
      [{ question: 'c' }, '`c` is not asked now, or was answered before; asked is `b`'],
      [{ attempt: '2' }, 'attempt 2 of `b`; asked is attempt 1'],
      [{ planHash: 'h0' }, 'for another plan'],
      [{ choice: 'retry' }, '`retry` is no answer to `b`: approve, reject'],
    ] as const) {
      const error: unknown = await handle
        .executeUpdate(decideUpdate, { args: answer(changes) })
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
      expect(String((error as Error).cause)).toContain(reason);
    }
    await handle.executeUpdate(decideUpdate, { args: answer({}) });
    const second: unknown = await handle
      .executeUpdate(decideUpdate, { args: answer({}) })
      .catch((thrown: unknown) => thrown);
    expect(second).toBeInstanceOf(Error);
    expect((await resultOf(handle)).outcome.kind).toBe('done');
  });

  test('a rejection undoes what was done before it', async () => {
    const handle = await start(steps);
    await asked(handle, 'b');
    await handle.executeUpdate(decideUpdate, { args: answer({ choice: 'reject', reason: 'not tonight' }) });
    expect(await resultOf(handle)).toEqual({
      outcome: { kind: 'unwound', undone: 'full', notUndone: [] },
      log: ['act a', 'done a', 'undo a'],
    });
  });

  test.each([
    ['approve', 'done'],
    ['reject', 'unwound'],
  ] as const)('that nobody answers counts as %s when its deadline says so', async (byDefault, kind) => {
    const short = { ...gate, deadlineSeconds: 1, byDefault };
    const handle = await start([step('a'), step('b', { after: ['a'], gate: short })]);
    expect((await resultOf(handle)).outcome.kind).toBe(kind);
  });
});

describe('a deadline that passes while nothing runs', () => {
  const gate = { question: 'go on?', deadlineSeconds: 3, byDefault: 'reject' } as const;
  const steps = [step('a'), step('b', { after: ['a'], gate })];

  test('counts from when somebody could answer again, for 15 min, and people are told', async () => {
    const handle = await start(steps, { downSeconds: 120 });
    await asked(handle, 'b');
    const deadline = async () => Date.parse((await handle.query(progressQuery)).questions[0]!.deadline);
    const first = await deadline();
    await expect.poll(deadline).toBeGreaterThan(first + 15 * 60_000);
    await handle.executeUpdate(decideUpdate, { args: answer({}) });
    const { outcome, log } = await resultOf(handle);
    expect({ kind: outcome.kind, log }).toEqual({
      kind: 'done',
      log: ['act a', 'done a', 'told late-b-1', 'act b', 'done b'],
    });
  });

  test('is over where it passed less than a minute ago', async () => {
    const { outcome, log } = await resultOf(await start(steps, { downSeconds: 50 }));
    expect({ kind: outcome.kind, log }).toEqual({ kind: 'unwound', log: ['act a', 'done a', 'undo a'] });
  });
});

test('a step that was undone shows how long it took, not how long ago it began', async () => {
  const gate = { question: 'go on?', deadlineSeconds: 3, byDefault: 'reject' } as const;
  const handle = await start([step('a'), step('b', { after: ['a'], gate })]);
  await resultOf(handle);
  const [a] = (await handle.query(progressQuery)).steps;
  expect(a).toMatchObject({ state: 'undone' });
  expect(a!.seconds).toBeLessThan(2.5);
});

describe('a step that asks when it failed', () => {
  const steps = [step('a'), step('b', { after: ['a'], onFailure: 'ask', failures: 2 })];

  test('is tried again as often as somebody says so', async () => {
    const handle = await start(steps);
    for (const attempt of ['1', '2']) {
      await expect
        .poll(async () => (await handle.query(progressQuery)).questions.map((question) => String(question.attempt)))
        .toContain(attempt);
      await handle.executeUpdate(decideUpdate, { args: answer({ attempt, choice: 'retry' }) });
    }
    expect(await resultOf(handle)).toEqual({
      outcome: { kind: 'done', failures: [] },
      log: ['act a', 'done a', 'act b', 'failed b', 'act b', 'failed b', 'act b', 'done b'],
    });
  });

  test('is skipped with a reason only, and shows who did', async () => {
    const handle = await start(steps);
    await asked(handle, 'b');
    await expect(handle.executeUpdate(decideUpdate, { args: answer({ choice: 'skip' }) })).rejects.toThrow();
    await handle.executeUpdate(decideUpdate, { args: answer({ choice: 'skip', reason: 'known' }) });
    expect((await resultOf(handle)).outcome).toEqual({ kind: 'done', failures: [] });
    const { steps: shown } = await handle.query(progressQuery);
    expect(shown.find(({ id }) => id === 'b')).toMatchObject({ state: 'skipped', note: 'skipped by ann: known' });
  });

  test('undoes all when somebody gives up', async () => {
    const handle = await start(steps);
    await asked(handle, 'b');
    await handle.executeUpdate(decideUpdate, { args: answer({ choice: 'abort' }) });
    expect(await resultOf(handle)).toMatchObject({ outcome: { kind: 'unwound', undone: 'full' } });
  });
});

test('a gate behind the pivot that somebody rejects leaves its step out, tells it, and the others go on', async () => {
  const gate = { question: 'go on?', deadlineSeconds: 600, byDefault: 'approve' } as const;
  const after = { phase: 'after-pivot', after: ['a'] } as const;
  const handle = await start([step('a'), step('b', { ...after, gate }), step('c', { ...after, after: ['b'] })]);
  await asked(handle, 'b');
  await handle.executeUpdate(decideUpdate, { args: answer({ choice: 'reject', reason: 'not tonight' }) });
  expect(await resultOf(handle)).toEqual({
    outcome: { kind: 'done', failures: ['b: b was not approved: rejected by ann: not tonight'] },
    log: ['act a', 'done a', 'act c', 'done c'],
  });
  const { steps: shown } = await handle.query(progressQuery);
  expect(shown.find(({ id }) => id === 'b')).toMatchObject({ state: 'skipped' });
});

test('an abort while something is asked undoes all, and a pause holds the next step back', async () => {
  const gate = { question: 'go on?', deadlineSeconds: 600, byDefault: 'reject' } as const;
  const handle = await start([step('a'), step('b', { after: ['a'], gate }), step('c', { after: ['b'] })]);
  await asked(handle, 'b');
  await handle.executeUpdate(pauseUpdate, { args: [{ by: 'ann' }] });
  await handle.executeUpdate(decideUpdate, { args: answer({}) });
  expect(await handle.query(progressQuery)).toMatchObject({ paused: true, waitingOn: 'resume' });
  await handle.executeUpdate(resumeUpdate, { args: [{ by: 'ann' }] });
  expect((await resultOf(handle)).outcome.kind).toBe('done');
  const other = await start([step('a'), step('b', { after: ['a'], gate })]);
  await asked(other, 'b');
  await other.executeUpdate(abortUpdate, { args: [{ by: 'ann', reason: 'wrong point' }] });
  expect(await resultOf(other)).toMatchObject({ outcome: { kind: 'unwound', undone: 'full' } });
});
