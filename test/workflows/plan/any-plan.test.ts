/** Any plan, any failing step, any answers, a pause or an abort anywhere: what the engine promises of all of them. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTinyBench, type TinyBench } from './tiny-bench.ts';
import { tinyStep } from './tiny-step.ts';
import type { TinyPlan, TinyResult, TinyStep } from './tiny-workflow.ts';

let bench: TinyBench;
beforeAll(async () => void (bench = await startTinyBench()));
afterAll(async () => bench.stop());

const drafts = fc.record({
  after: fc.array(fc.nat(6), { maxLength: 3 }),
  isLate: fc.boolean(),
  onFailure: fc.constantFrom('unwind' as const, 'continue' as const, 'ask' as const, 'ask' as const),
  failures: fc.constantFrom(0, 0, 0, 1, 2),
  answers: fc.tuple(
    fc.constantFrom('retry' as const, 'retry' as const, 'skip' as const, 'abort' as const),
    fc.constantFrom('retry' as const, 'skip' as const, 'abort' as const),
  ),
  gate: fc.option(fc.constantFrom('approve' as const, 'approve' as const, 'reject' as const, 'nobody' as const), {
    freq: 3,
  }),
  byDefault: fc.constantFrom('approve' as const, 'reject' as const),
  undoFails: fc.boolean(),
  hasUndo: fc.boolean(),
  // The server's timers end at whole seconds.
  takes: fc.constantFrom(1, 1, 1, 1500),
  isLateHeeding: fc.boolean(),
});

const gate = { question: 'go on?', deadlineSeconds: 1 };

/** Steps come after earlier ones only, and those behind the pivot after all others or one another. */
const plans = fc
  .record({
    drafts: fc.array(drafts, { minLength: 1, maxLength: 7 }),
    parallelSteps: fc.integer({ min: 1, max: 3 }),
    at: fc.nat(6),
    steer: fc.option(fc.constantFrom('abort' as const, 'pause-resume' as const, 'pause-abort' as const)),
  })
  .map(({ drafts: all, parallelSteps, at, steer }): TinyPlan => ({
    parallelSteps,
    steps: all.map(({ after, isLate, gate: answer, byDefault, answers: _answers, ...draft }, position) =>
      tinyStep(`s${position}`, {
        ...draft,
        after: [...new Set(after.filter((other) => other < position && (isLate || !all[other]!.isLate)))].map(
          (other) => `s${other}`,
        ),
        phase: isLate ? 'after-pivot' : 'before-pivot',
        ...(answer === null ? {} : { gate: { ...gate, byDefault } }),
      }),
    ),
    script: {
      gates: Object.fromEntries(
        all.flatMap(({ gate: answer }, position) =>
          answer === null || answer === 'nobody' ? [] : [[`s${position}`, answer]],
        ),
      ),
      failures: Object.fromEntries(all.map(({ answers }, position) => [`s${position}`, answers])),
      ...(steer === null ? {} : { at: `s${at % all.length}`, steer }),
    },
  }));

test('any plan with any failing steps and any answers ends as stated, and takes back in reverse order, once, what it had begun', async () => {
  const batches = Array.from({ length: 4 }, () => fc.sample(plans, 100));
  const results = await Promise.all(batches.map(async (batch) => bench.run(batch)));
  for (const [at, batch] of batches.entries()) batch.forEach((plan, index) => check(plan, results[at]![index]!));
});

function check({ steps, parallelSteps, script }: TinyPlan, { outcome, log }: TinyResult): void {
  const story = JSON.stringify({ steps, parallelSteps, script, outcome, log });
  const byId = new Map(steps.map((step) => [step.id, step]));
  const lines = log.map(([what]) => what);
  const subjects = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(' ')[1] ?? '');
  const acts = subjects('act');
  const begun = [...new Set(acts)];
  const isEarly = (id: string): boolean => byId.get(id)!.phase === 'before-pivot';

  const fatal = log.find(([what]) => isFatal(what, byId));
  expect(outcome.kind, story).toBe(fatal === undefined ? 'done' : 'unwound');
  // What somebody stops or pauses before the pivot can still be undone afterwards.
  if (script.at !== undefined && begun.includes(script.at) && isEarly(script.at) && script.steer !== 'pause-resume')
    expect(outcome.kind, story).toBe('unwound');

  // A step begins when all that it comes after has ended, and again only because somebody said so.
  for (const id of begun)
    for (const other of byId.get(id)!.after)
      expect(
        lines.findLastIndex((line) => line.split(' ')[1] === other && !line.startsWith('undo')),
        `${other} before ${id}: ${story}`,
      ).toBeLessThan(lines.indexOf(`act ${id}`));
  for (const id of begun) {
    if (byId.get(id)!.gate !== undefined) expect(lines.indexOf(`answered ${id} approve`), story).toBeGreaterThan(-1);
    const retries = lines.filter((line) => line === `answered ${id} retry`).length;
    expect(acts.filter((other) => other === id).length, story).toBeLessThanOrEqual(1 + retries);
  }

  let running = 0;
  let pausedAt = Infinity;
  for (const [line, at] of log) {
    const [word] = line.split(' ');
    if (word === 'act') {
      running += 1;
      // What is woken in the very moment of the pause begins.
      expect(at, `begun in a pause: ${story}`).toBeLessThanOrEqual(pausedAt);
    }
    if (word === 'done' || word === 'failed' || word === 'cancelled') running -= 1;
    if (word === 'pause') pausedAt = at;
    if (word === 'resume' || word === 'abort') pausedAt = Infinity;
    expect(running, story).toBeLessThanOrEqual(parallelSteps);
    if (word === 'undo') expect(running, `undone while something ran: ${story}`).toBe(0);
  }

  const undone = subjects('undo');
  if (outcome.kind === 'done') {
    expect(undone, story).toEqual([]);
    expect(begun.toSorted(), story).toEqual(
      steps.flatMap(({ id }) => (lines.includes(`answered ${id} reject`) ? [] : [id])).toSorted(),
    );
    expect(outcome.failures.map((text) => text.split(':')[0] ?? '').toSorted(), story).toEqual(
      steps.flatMap((step) => (endsFailed(step, lines) ? [step.id] : [])).toSorted(),
    );
    return;
  }
  // Nothing behind the pivot was begun, nothing at all after the fatal moment, and every undo ran once, the last begun first.
  expect(
    begun.filter((id) => !isEarly(id)),
    story,
  ).toEqual([]);
  const late = log.filter(([what, at]) => what.startsWith('act ') && at > fatal![1]);
  expect(late, story).toEqual([]);
  expect(undone, story).toEqual(begun.filter((id) => byId.get(id)!.hasUndo).toReversed());
  const stuck = undone.filter((id) => byId.get(id)!.undoFails);
  expect(
    outcome.notUndone.map((text) => text.split(':')[0]),
    story,
  ).toEqual(stuck);
  expect(outcome.undone, story).toBe(stuck.length > 0 ? 'partial' : undone.length > 0 ? 'full' : 'none');
}

/** What makes a plan unwind: the failure of a step that says so, an answer that says so, or an abort. */
function isFatal(what: string, byId: ReadonlyMap<string, TinyStep>): boolean {
  if (what === 'abort') return true;
  const [word, id = '', choice] = what.split(' ');
  const step = byId.get(id);
  if (step?.phase !== 'before-pivot') return false;
  if (word === 'failed') return step.onFailure === 'unwind';
  return word === 'answered' && (choice === 'reject' || choice === 'abort');
}

/** Whether a step of a plan that was carried out is told as failed: one that somebody skipped is not. */
function endsFailed({ id, onFailure }: TinyStep, lines: readonly string[]): boolean {
  if (lines.includes(`answered ${id} reject`) || lines.includes(`answered ${id} abort`)) return true;
  return onFailure !== 'ask' && lines.includes(`failed ${id}`);
}
