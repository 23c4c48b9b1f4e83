/** The RTO clock: durable timers that mark 50, 80 and 100 % of the objective and tell people. It never ends a restore. */
import { sleep } from '@temporalio/workflow';
import { clockMarks, formatDuration } from '../../src/domain/replayed.ts';
import { notify } from './notification.ts';
import type { RunDisplay } from './display.ts';

export interface RtoClock {
  /** Milliseconds since the epoch at which the clock began. */
  readonly began: number;
  readonly objectiveSeconds: number;
  readonly appliance: string;
}

/** Returns after the last mark; cancelled with its scope. */
export async function watchRto({ began, objectiveSeconds, appliance }: RtoClock, display: RunDisplay): Promise<void> {
  display.deadline(new Date(began + objectiveSeconds * 1000));
  for (const { percent, atSeconds } of clockMarks(objectiveSeconds)) {
    const left = began + atSeconds * 1000 - Date.now();
    if (left > 0) await sleep(left, { summary: `RTO ${percent} % of ${formatDuration(objectiveSeconds)}` });
    if (percent === 100) display.breach();
    const text =
      percent === 100
        ? `RTO of ${formatDuration(objectiveSeconds)} breached`
        : `${percent} % of the RTO of ${formatDuration(objectiveSeconds)} used`;
    display.note(text);
    await notify(appliance, {
      topic: `rto-${percent}`,
      severity: percent === 100 ? 'critical' : 'warning',
      text: `Restore of ${appliance}: ${text}`,
    });
  }
}
