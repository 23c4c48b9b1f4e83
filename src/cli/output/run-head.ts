/** The lines above a run's steps: what it is, whether it makes its objective, what it needs, what happens by itself. Pure. */
import { remainingSeconds } from '../../client/eta.ts';
import type { RunSnapshot } from '../../client/runs.ts';
import { formatDuration } from '../../domain/duration.ts';
import { stateWords } from '../../domain/run-state.ts';
import { isBackupWorkflow } from '../../domain/recovery-point.ts';

/** `restore 20261122_020000 staging, 2 m 10 s`. */
export function titleLine(run: RunSnapshot, now: Date): string {
  const { type, view, status, startedAt } = run;
  if (view === undefined)
    return `${type} ${status.toLowerCase()}, begun ${formatDuration(secondsSince(startedAt, now))} ago`;
  const words = [type, view.subject, `${stateWords(view.state)}${view.paused ? ' (PAUSED)' : ''}`].filter(
    (word) => word !== '',
  );
  return status === 'RUNNING'
    ? `${words.join(' ')}, ${formatDuration(secondsSince(view.startedAt, now))}`
    : words.join(' ');
}

/** Answers of a running run; none for one that has ended. */
export function answerLines(run: RunSnapshot, now: Date): string[] {
  if (run.status !== 'RUNNING') return [];
  return [rtoLine(run, now), needLine(run), elseLine(run)].filter((line) => line !== '');
}

function rtoLine(run: RunSnapshot, now: Date): string {
  const left = remainingSeconds(run, now);
  const toGo = left === undefined ? '' : `about ${formatDuration(Math.max(1, Math.round(left)))} to go`;
  const deadline = run.view?.deadline ?? '';
  if (deadline === '') return toGo === '' ? '' : `eta    ${toGo}`;
  const room = (Date.parse(deadline) - now.getTime()) / 1000;
  // Within a day the time alone is plain.
  const clock = `${room < 86_400 ? deadline.slice(11, 16) : deadline.slice(0, 16)}Z`;
  if (room <= 0) return `RTO    BREACHED ${formatDuration(-room)} ago${toGo === '' ? '' : `, ${toGo}`}`;
  const margin =
    left === undefined
      ? ''
      : left <= room
        ? `, ${toGo}: will be met`
        : `, ${toGo}: WILL BE MISSED by ${formatDuration(left - room)}`;
  return `RTO    ends ${clock}, ${formatDuration(room)} left${margin}`;
}

function needLine({ view }: RunSnapshot): string {
  if (view === undefined) return 'needs  a worker: none answers, so nothing moves; `lifeboat worker`';
  if (view.paused) return 'needs  YOU: somebody paused it; `lifeboat restore resume`';
  const [asked] = view.questions;
  if (asked !== undefined) return `needs  YOU: ${asked.text}`;
  if (view.waitingOn !== '') return `needs  patience: ${view.waitingOn}`;
  return 'needs  nothing from you';
}

/** What happens if nobody does anything. */
function elseLine({ type, view }: RunSnapshot): string {
  if (view === undefined) return 'else   it goes on as soon as a worker runs';
  if (isBackupWorkflow(type)) {
    if (view.state.status === 'locking') return 'else   waits 30 m for the lock, then ends as skipped';
    return 'else   seals the recovery point; without a failed component it is partial';
  }
  if (type !== 'restore') return '';
  if (view.paused) return 'else   begins no further step';
  const [asked] = view.questions;
  if (asked !== undefined) return `else   ${asked.byDefault} at ${asked.deadline.slice(11, 16)}Z`;
  if (view.state.status === 'undoing') return 'else   puts the old data back, then ends';
  if (view.state.status === 'committing' || view.state.status === 'committed')
    return 'else   ends by itself; then a full backup begins';
  if (view.state.status === 'planned' || view.state.status === 'planning' || view.state.status === 'locking')
    return 'else   goes on by itself; nothing has stopped yet';
  return 'else   commits if every probe holds, otherwise puts the old data back';
}

function secondsSince(time: string, now: Date): number {
  return Math.max(0, (now.getTime() - Date.parse(time)) / 1000);
}
