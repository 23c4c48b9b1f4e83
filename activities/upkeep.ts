/** Activities that keep the copies of a repository: long ones, on a queue of their own. All may run twice. */
import type { BackupId } from '../src/domain/recovery-point.ts';
import { measureExposure, noteUnanswered, storeExposure } from '../src/operations/exposure.ts';
import { retentionOptions } from '../src/operations/retention-of.ts';
import { applyRetention, capacityAlarm, planRetention, type RetentionPlan } from '../src/operations/retention.ts';
import type { Collected } from '../src/repository/repository.ts';
import type { Dependencies } from './dependencies.ts';
import { translated } from './failures.ts';
import { withHeartbeat, type Beat } from './heartbeat.ts';

export interface ReplicationView {
  readonly objects: number;
  readonly bytes: number;
  readonly points: readonly BackupId[];
  readonly problems: readonly string[];
}

export interface RetentionView {
  readonly keep: number;
  /** Newest first; at most `idsShown`. */
  readonly remove: readonly string[];
  readonly removeCount: number;
  readonly walObjects: number;
  readonly walBytes: number;
  readonly usedBytes: number;
  readonly settledBytes: number;
  /** About space, for people; empty where all is well. */
  readonly alarm: string;
  readonly refusals: readonly string[];
}

export interface CollectedView extends Omit<Collected, 'expired'> {
  readonly expired: number;
}

const idsShown = 100;

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

    /** What retention would remove from a place, and what it will hold. Changes nothing. */
    async planRetention({
      location,
      maxShare,
    }: {
      readonly location: string;
      readonly maxShare: number;
    }): Promise<RetentionView> {
      return translated(undefined, () =>
        withHeartbeat(async () => viewOf(await planRetention(await retentionOptions(deps, location, maxShare)))),
      );
    },

    async applyRetention({
      location,
      maxShare,
      holder,
    }: {
      readonly location: string;
      readonly maxShare: number;
      readonly holder: string;
    }): Promise<CollectedView> {
      return translated(undefined, () =>
        withHeartbeat(async (beat) => {
          const options = await retentionOptions(deps, location, maxShare);
          const { collected } = await applyRetention({ ...options, holder, signal: beat.signal });
          return { ...collected, expired: collected.expired.length };
        }),
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

function viewOf({ keep, remove, wal, usage, forecast, refusals }: RetentionPlan): RetentionView {
  return {
    keep: keep.length,
    remove: remove.slice(0, idsShown).map(({ id }) => id),
    removeCount: remove.length,
    walObjects: wal.keys.length,
    walBytes: wal.bytes,
    usedBytes: usage.bytes,
    settledBytes: forecast.settledBytes,
    alarm: capacityAlarm(forecast) ?? '',
    refusals: refusals.slice(0, idsShown).map((refusal) => refusal.slice(0, 300)),
  };
}
