/** A run's snapshot as lines of at most 80 columns: steps, bytes, rate, ETA. Pure. */
import type { PendingStep, RunSnapshot } from '../../client/runs.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { bar } from './table.ts';

const columns = 80;
const mark: Readonly<Record<string, string>> = { waiting: ' ', running: '>', done: 'x', failed: '!', undone: '<', cancelled: '-' };

export function progressLines(run: RunSnapshot, now: Date): string[] {
  const { view, pending } = run;
  const head = view === undefined ? `${run.type} ${run.status.toLowerCase()}` : headLine(run, now);
  const steps = (view?.steps ?? []).map(({ id, state, seconds, note }) => {
    const live = pending.find(({ summary }) => summary === id || summary === id.replace(':', ' '));
    const detail = state === 'running' && live !== undefined ? pendingText(live) : (note ?? '');
    return `  [${mark[state] ?? '?'}] ${id.padEnd(24)} ${seconds === 0 ? '' : formatDuration(seconds).padStart(9)}  ${detail}`;
  });
  const others = pending.filter(({ summary }) => !(view?.steps ?? []).some(({ id }) => summary === id || summary === id.replace(':', ' ')));
  return [head, ...steps, ...others.map((step) => `  > ${step.summary === '' ? step.activity : step.summary}  ${pendingText(step)}`)].map((line) => line.slice(0, columns).trimEnd());
}

function headLine({ type, view }: RunSnapshot, now: Date): string {
  if (view === undefined) return type;
  const used = formatDuration((now.getTime() - Date.parse(view.startedAt)) / 1000);
  const left = view.deadline === '' ? '' : `, ${formatDuration((Date.parse(view.deadline) - now.getTime()) / 1000)} of the RTO left`;
  const waits = view.waitingOn === '' ? '' : `, waits for ${view.waitingOn}`;
  return `${type} ${view.subject} ${view.state}${view.held ? ' (HELD)' : ''}: ${used}${left}${waits}`.replace(/ +/g, ' ');
}

export function pendingText({ beat, attempt, heartbeatAge, lastFailure }: PendingStep): string {
  const again = attempt > 1 ? ` attempt ${attempt}${lastFailure === '' ? '' : ` (${lastFailure.slice(0, 40)})`}` : '';
  if (beat === undefined) return `waiting for a worker${again}`;
  const age = heartbeatAge !== undefined && heartbeatAge > 10 ? ` no heartbeat for ${formatDuration(heartbeatAge)}` : '';
  if (beat.bytesDone === 0) return `${beat.phase}${again}${age}`;
  const rate = beat.bytesPerSecond > 0 ? ` ${formatBytes(beat.bytesPerSecond)}/s` : '';
  const left = beat.bytesTotal > beat.bytesDone && beat.bytesPerSecond > 0 ? ` ETA ${formatDuration((beat.bytesTotal - beat.bytesDone) / beat.bytesPerSecond)}` : '';
  const of = beat.bytesTotal > 0 ? `${bar(beat.bytesDone, beat.bytesTotal, 8)} ` : '';
  return `${of}${formatBytes(beat.bytesDone)}${rate}${left}${again}${age}`;
}
