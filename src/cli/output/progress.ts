/** What a pending activity tells, as text: bytes, rate, ETA, attempts. Pure. */
import { etaSeconds, rateOf, type Moved } from '../../client/eta.ts';
import type { PendingStep } from '../../client/temporal/pending-activity.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';

/** Heartbeats come every 2 s. */
const silentSeconds = 10;
/** A free worker takes an activity within this time. */
const queuedSeconds = 3;

/** `61 % of 5.10 GB  14.0 MB/s  ETA 2 m 20 s`; rate and ETA only once they mean something. */
export function movedText(moved: Moved): string {
  const { bytesDone, bytesTotal } = moved;
  const rate = rateOf(moved);
  const eta = etaSeconds(moved);
  const done =
    bytesTotal > bytesDone ? `${percent(bytesDone, bytesTotal)} of ${formatBytes(bytesTotal)}` : formatBytes(bytesDone);
  return [
    done,
    rate === undefined ? '' : `${formatBytes(rate)}/s`,
    eta === undefined ? '' : `ETA ${formatDuration(eta)}`,
  ]
    .filter((part) => part !== '')
    .join('  ');
}

function percent(done: number, total: number): string {
  return `${Math.floor((done / total) * 100)} %`;
}

/** What an activity does, in words: its id is `verb:subject`. */
export function wordsOf({ id, activity }: PendingStep): string {
  return id === '' ? activity : id.replaceAll(':', ' ');
}

/** One line on what it does now. */
export function pendingText(step: PendingStep): string {
  const { state, beat, attempt, heartbeatAge, waitSeconds } = step;
  const again = attempt > 1 ? `, attempt ${attempt}` : '';
  switch (state) {
    case 'queued':
      return waitSeconds < queuedSeconds ? 'waits' : `no worker takes it since ${formatDuration(waitSeconds)}`;
    case 'retrying':
      return `failed, tried again in ${formatDuration(waitSeconds)}${again}`;
    case 'stopping':
      return 'is being stopped';
    case 'running': {
      if (heartbeatAge !== undefined && heartbeatAge > silentSeconds)
        return `silent for ${formatDuration(heartbeatAge)}${again}`;
      const text = beat === undefined ? 'starting' : beat.bytesDone === 0 ? beat.phase : movedText(beat);
      return `${text}${again}`;
    }
  }
}

/** Why the attempt before failed; empty where there was none. */
export function failureText({ attempt, lastFailure }: PendingStep): string {
  return attempt > 1 && lastFailure !== '' ? `attempt ${attempt - 1} failed: ${lastFailure}` : '';
}
