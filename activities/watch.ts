/** The activity that watches the configuration of a host. Keeps nothing: what was captured stands in the repository. */
import { awaitChange } from '../src/operations/backup/await-change.ts';
import type { Dependencies } from './dependencies.ts';
import { translated } from './call/failures.ts';
import { endlessBeatMs, withHeartbeat } from './call/heartbeat.ts';

const pollMs = 10_000;
const quietMs = 10_000;

export interface WatchRequest {
  readonly components: readonly string[];
  readonly seconds: number;
}

export type WatchActivities = ReturnType<typeof createWatchActivities>;

export function createWatchActivities(deps: Dependencies) {
  return {
    /** Ids of what changed; empty when the time is over. */
    async awaitChange({ components, seconds }: WatchRequest): Promise<string[]> {
      return translated(undefined, () =>
        withHeartbeat(
          async (beat) =>
            awaitChange({
              repository: await deps.repository(),
              drivers: await Promise.all(components.map(async (id) => deps.driver(id))),
              durationMs: seconds * 1000,
              stopping: deps.stopping,
              pollMs,
              quietMs,
              onProgress: beat.report,
              signal: beat.signal,
            }),
          endlessBeatMs,
        ),
      );
    },
  };
}
