/** What comes after the fetch: the private server's recovery, stop, swap, start and probes. Rows of their own, no peer does them. */
import type { Bench } from '../bench.ts';
import { goLiveLifeboat } from '../lifeboat/lifeboat.ts';

export async function measureGoLive({ data, record, say }: Bench, point: string): Promise<void> {
  const { recoverySeconds, stopSeconds, swapSeconds, startSeconds, probeSeconds } = await goLiveLifeboat(data, point);
  const times = {
    recovery: recoverySeconds,
    stop: stopSeconds,
    swap: swapSeconds,
    start: startSeconds,
    probe: probeSeconds,
  };
  for (const [step, seconds] of Object.entries(times)) {
    record.add(`go-live/${step}`, seconds);
    say(`go-live/${step}: ${seconds.toFixed(2)} s`);
  }
}
