/** Activities that keep the copies of a repository: long ones, on a queue of their own. All may run twice. */
import type { BackupId } from '../src/domain/recovery-point.ts';
import { measureExposure, noteUnanswered, storeExposure } from '../src/operations/exposure.ts';
import type { Dependencies } from './dependencies.ts';
import { translated } from './failures.ts';
import { withHeartbeat, type Beat } from './heartbeat.ts';

export interface ReplicationView {
  readonly objects: number;
  readonly bytes: number;
  readonly points: readonly BackupId[];
  readonly problems: readonly string[];
}

export type UpkeepActivities = ReturnType<typeof createUpkeepActivities>;

export function createUpkeepActivities(deps: Dependencies) {
  /** One at a time per location: a second one finds little left to do. */
  const busy = new Map<string, Promise<unknown>>();
  const inTurn = async <T>(location: string, work: () => Promise<T>): Promise<T> => {
    const before = busy.get(location) ?? Promise.resolve();
    const own = before.then(work, work);
    busy.set(location, own);
    return own;
  };
  const replicateOnce = async (location: string, owner: string, beat: Beat): Promise<ReplicationView> => {
    beat.signal.throwIfAborted();
    const repository = await deps.repository();
    return repository.replicateTo(await deps.storage(location), {
      owner,
      onProgress: beat.report,
      signal: beat.signal,
    });
  };
  return {
    async replicate({
      location,
      owner,
    }: {
      readonly location: string;
      readonly owner: string;
    }): Promise<ReplicationView> {
      return translated(undefined, () =>
        withHeartbeat(async (beat) => inTurn(location, async () => replicateOnce(location, owner, beat))),
      );
    },

    /** What the location would give back now; kept in the repository, so that it can be told without the location. */
    async measureExposure({ location }: { readonly location: string }): Promise<void> {
      return translated(undefined, () =>
        withHeartbeat(async () => {
          const repository = await deps.repository();
          const copy = async () => deps.repository(repository.id, location);
          try {
            await storeExposure(repository, await measureExposure(copy, deps.appliance, location, new Date()));
          } catch (error) {
            await noteUnanswered(repository, location, error instanceof Error ? error.message : String(error));
            throw error;
          }
        }),
      );
    },
  };
}
