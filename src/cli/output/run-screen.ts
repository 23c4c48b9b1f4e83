/**
 * A run on one screen: 80 columns, 24 rows. Steps of one kind share a line; those that run or failed get one each,
 * because a plan of thirty steps would push what moves off the screen. Pure.
 */
import { outsideSteps, pendingOf, runningSeconds } from '../../client/eta.ts';
import type { RunSnapshot } from '../../client/runs.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { StepReport, StepState } from '../../../workflows/messages.ts';
import { failureText, pendingText, wordsOf } from './progress.ts';
import { answerLines, titleLine } from './run-head.ts';
import { wrap } from './wrap.ts';

export const marks: Readonly<Record<StepState, string>> = {
  waiting: '[ ]',
  running: '[>]',
  done: '[x]',
  failed: '[!]',
  undone: '[<]',
  skipped: '[-]',
  cancelled: '[-]',
};

/** Seconds in which a note is news. */
const notesShown = 3;

export function runScreen(run: RunSnapshot, now: Date, columns: number): string[] {
  const steps = run.view?.steps ?? [];
  const kinds = [...new Set(steps.map(kindOf))];
  return [
    titleLine(run, now),
    ...answerLines(run, now).map((line) => wrap(`  ${line}`, columns, '         ')),
    ...kinds.flatMap((kind) =>
      kindLines(
        run,
        steps.filter((step) => kindOf(step) === kind),
        now,
      ),
    ),
    ...outsideSteps(run).map((step) => `  ${marks.running} ${wordsOf(step)}: ${pendingText(step)}`),
    ...run.pending
      .map(failureText)
      .filter((text) => text !== '')
      .map((text) => wrap(`      ${text}`, columns, '      ')),
    ...(run.view?.notes ?? []).slice(-notesShown).map((note) => wrap(`  ${note}`, columns, '           ')),
  ]
    .flatMap((line) => line.split('\n'))
    .map((line) => line.slice(0, columns).trimEnd());
}

const kindOf = ({ id }: StepReport): string => id.split(':')[0] ?? id;
const subjectOf = ({ id }: StepReport): string => id.slice(id.indexOf(':') + 1);

function kindLines(run: RunSnapshot, steps: readonly StepReport[], now: Date): string[] {
  const [first] = steps;
  if (first === undefined) return [];
  const kind = kindOf(first);
  if (steps.length === 1 && first.id === kind)
    return [`  ${marks[first.state]} ${kind.padEnd(10)} ${timeOf(steps, now)}${detailOf(run, first)}`];
  const ended = steps.filter(({ state }) => state !== 'waiting' && state !== 'running').length;
  const head = `  ${marks[stateOf(steps)]} ${kind.padEnd(10)} ${timeOf(steps, now)}${ended} of ${steps.length}`;
  // A backup has one kind of steps, and what each component gave is its result.
  const shown = steps.filter(
    ({ state, note }) => state === 'running' || state === 'failed' || (kind === 'capture' && note !== undefined),
  );
  const width = Math.min(24, Math.max(0, ...shown.map((step) => subjectOf(step).length)));
  return [
    head,
    ...shown.map((step) => `      ${marks[step.state]} ${subjectOf(step).padEnd(width)}  ${detailOf(run, step)}`),
  ];
}

function stateOf(steps: readonly StepReport[]): StepState {
  const has = (state: StepState): boolean => steps.some((step) => step.state === state);
  if (has('failed')) return 'failed';
  if (has('running')) return 'running';
  if (has('undone')) return 'undone';
  if (has('cancelled')) return 'cancelled';
  if (!has('waiting')) return 'done';
  return 'waiting';
}

function detailOf({ pending }: RunSnapshot, { id, state, note }: StepReport): string {
  const live = state === 'running' ? pendingOf(pending, id) : undefined;
  return live === undefined ? (note ?? '') : pendingText(live);
}

/** From the first begin to the last end, in a column of its own. */
function timeOf(steps: readonly StepReport[], now: Date): string {
  const begun = steps.flatMap((step) =>
    step.startedAt === undefined ? [] : [{ from: Date.parse(step.startedAt), seconds: runningSeconds(step, now) }],
  );
  if (begun.length === 0) return ''.padEnd(11);
  const from = Math.min(...begun.map((step) => step.from));
  const until = Math.max(...begun.map((step) => step.from + step.seconds * 1000));
  return `${formatDuration((until - from) / 1000).padStart(9)}  `;
}
