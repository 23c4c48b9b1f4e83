/** Any plan, any failing step, any answers: what the engine promises, on a plan made for the test. */
import { WorkflowUpdateFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decideUpdate, pauseUpdate, progressQuery, resumeUpdate, abortUpdate } from '../../../workflows/messages.ts';
import { startTinyBench, type TinyBench } from './tiny-bench.ts';
import type { TinyResult, TinyStep } from './tiny-workflow.ts';

let bench: TinyBench;
let client: Client;
beforeAll(async () => {
  bench = await startTinyBench();
  client = bench.client;
});
afterAll(async () => bench.stop());

let runs = 0;
async function start(steps: readonly TinyStep[], parallelSteps = 6): Promise<WorkflowHandle> {
  runs += 1;
  return client.workflow.start('tinyPlan', {
    workflowId: `tiny/${runs}`,
    taskQueue: bench.taskQueue,
    args: [steps, parallelSteps],
  });
}

function step(id: string, changes: Partial<TinyStep> = {}): TinyStep {
  return {
    id,
    after: [],
    phase: 'before-pivot',
    onFailure: 'unwind',
    failures: 0,
    undoFails: false,
    hasUndo: true,
    ...changes,
  };
}

const resultOf = async (handle: WorkflowHandle): Promise<TinyResult> => (await handle.result()) as TinyResult;
const begun = (log: readonly string[], word: string): string[] =>
  log.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

/** Steps come after earlier ones only, and those behind the pivot after all others or one another. */
const plans = fc
  .array(
    fc.record({
      after: fc.array(fc.nat(6), { maxLength: 3 }),
      isLate: fc.boolean(),
      onFailure: fc.constantFrom('unwind' as const, 'continue' as const),
      fails: fc.boolean(),
      undoFails: fc.boolean(),
      hasUndo: fc.boolean(),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((drafts) =>
    drafts.map(({ after, isLate, onFailure, fails, undoFails, hasUndo }, at): TinyStep =>
      step(`s${at}`, {
        after: [...new Set(after.filter((other) => other < at && (isLate || !drafts[other]!.isLate)))].map(
          (other) => `s${other}`,
        ),
        phase: isLate ? 'after-pivot' : 'before-pivot',
        onFailure,
        failures: fails ? 1 : 0,
        undoFails,
        hasUndo,
      }),
    ),
  );

test('any plan with any failing steps ends as stated, and takes back in reverse order, once, what it had begun', async () => {
  await fc.assert(
    fc.asyncProperty(plans, fc.integer({ min: 1, max: 3 }), async (steps, parallelSteps) => {
      const { outcome, log } = await resultOf(await start(steps, parallelSteps));
      const byId = new Map(steps.map((each) => [each.id, each]));
      const acts = begun(log, 'act');
      const undone = begun(log, 'undo');
      const fatal = steps.some(
        ({ phase, onFailure, failures, id }) =>
          phase === 'before-pivot' && onFailure === 'unwind' && failures > 0 && acts.includes(id),
      );
      expect(outcome.kind).toBe(fatal ? 'unwound' : 'done');
      // A step begins when all that it comes after has ended, and no step twice.
      expect(new Set(acts).size).toBe(acts.length);
      for (const id of acts)
        for (const other of byId.get(id)!.after) {
          const isOver = byId.get(other)!.failures > 0 ? `act ${other}` : `done ${other}`;
          expect(log.indexOf(isOver), `${other} before ${id}`).toBeGreaterThanOrEqual(0);
          expect(log.indexOf(isOver)).toBeLessThan(log.indexOf(`act ${id}`));
        }
      if (outcome.kind === 'done') {
        expect(acts.toSorted()).toEqual(steps.map(({ id }) => id).toSorted());
        expect(undone).toEqual([]);
        expect(outcome.failures).toHaveLength(steps.filter(({ failures }) => failures > 0).length);
        return;
      }
      // Nothing behind the pivot was begun, and every undo ran once, the last begun first.
      expect(acts.filter((id) => byId.get(id)!.phase === 'after-pivot')).toEqual([]);
      expect(undone).toEqual(acts.filter((id) => byId.get(id)!.hasUndo).toReversed());
      const stuck = undone.filter((id) => byId.get(id)!.undoFails);
      expect(outcome.notUndone.map((text) => text.split(':')[0])).toEqual(stuck);
      expect(outcome.undone).toBe(stuck.length > 0 ? 'partial' : undone.length > 0 ? 'full' : 'none');
    }),
    { numRuns: 60 },
  );
});

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
      log: ['act a', 'done a', 'act b', 'act b', 'act b', 'done b'],
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
