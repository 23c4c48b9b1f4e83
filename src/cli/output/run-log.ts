/**
 * A run as a log: where nobody can redraw a screen, a line for every change, and how far the bytes are every 10 s.
 */
import { outsideSteps, pendingOf, runningSeconds } from '../../client/eta.ts';
import type { RunSnapshot } from '../../client/runs.ts';
import { formatDuration } from '../../domain/duration.ts';
import { stateWords } from '../../domain/run-state.ts';
import type { StepReport } from '../../../workflows/messages.ts';
import { failureText, pendingText, wordsOf } from './progress.ts';
import { defaultColumns } from './redraw.ts';
import { titleLine } from './run-head.ts';
import { marks } from './run-screen.ts';
import { wrap } from './wrap.ts';

const progressMs = 10_000;
/** A worker whose host is busy may let a question or two go unanswered. */
const silenceMs = 10_000;
const detailIndent = ' '.repeat(40);

export interface RunLog {
  /** The lines that are news since the last call. */
  news(run: RunSnapshot, now: Date): string[];
}

export function runLog(): RunLog {
  const told = new Map<string, string>();
  const toldAt = new Map<string, number>();
  let silentSince: number | undefined;
  const once = (topic: string, news: string, line: string): string[] => {
    if (told.get(topic) === news) return [];
    told.set(topic, news);
    return [line];
  };
  const sometimes = (topic: string, now: Date, line: string): string[] => {
    const last = toldAt.get(topic);
    if (last === undefined) toldAt.set(topic, now.getTime());
    if (last === undefined || now.getTime() - last < progressMs) return [];
    toldAt.set(topic, now.getTime());
    return [line];
  };
  return {
    news(run, now) {
      const { view, pending } = run;
      const steps = view?.steps ?? [];
      silentSince = view === undefined && run.status === 'RUNNING' ? (silentSince ?? now.getTime()) : undefined;
      const waits =
        silentSince !== undefined && now.getTime() - silentSince >= silenceMs
          ? 'no worker answers: it goes on as soon as one runs'
          : (view?.waitingOn ?? '');
      return [
        ...once(
          'title',
          `${view === undefined ? run.status : stateWords(view.state)} ${view?.paused ?? ''} ${view?.subject ?? ''}`,
          titleLine(run, now),
        ),
        ...(waits === '' ? [] : once('waits', waits, wrap(`  waits: ${waits}`, defaultColumns, '    '))),
        ...steps.flatMap((step) => {
          if (step.state === 'waiting') return [];
          const live = pendingOf(pending, step.id);
          if (step.state !== 'running') return once(step.id, step.state, stepLine(step, step.note ?? '', now));
          return live === undefined ? [] : sometimes(step.id, now, stepLine(step, pendingText(live), now));
        }),
        ...outsideSteps(run).flatMap((step) =>
          sometimes(step.id, now, `  ${marks.running} ${wordsOf(step)}  ${pendingText(step)}`),
        ),
        ...pending.flatMap((step) =>
          failureText(step) === ''
            ? []
            : once(`failure ${step.id}`, `${step.attempt}`, `      ${wordsOf(step)}: ${failureText(step)}`),
        ),
        ...(view?.notes ?? []).flatMap((note) => once(`note ${note}`, note, wrap(`  ${note}`, defaultColumns, '    '))),
      ].map((line) => line.trimEnd());
    },
  };
}

function stepLine(step: StepReport, detail: string, now: Date): string {
  const seconds = runningSeconds(step, now);
  const took = (step.startedAt === undefined ? '' : formatDuration(seconds)).padStart(9);
  return wrap(`  ${marks[step.state]} ${step.id.padEnd(22)} ${took}  ${detail}`, defaultColumns, detailIndent);
}
