/** Activities that keep the copies of a repository: long ones, on a queue of their own. All may run twice. */
import type { BackupId } from '../src/domain/recovery-point.ts';
import { measureExposure, noteUnanswered, storeExposure } from '../src/operations/rpo/location-coverage.ts';
import { goneFrom } from '../src/operations/recovery-points/lost.ts';
import { retentionOptions } from '../src/operations/retention/options.ts';
import {
  applyRetention,
  capacityAlarm,
  planRetention,
  type RetentionPlan,
} from '../src/operations/retention/retention.ts';
import { requireMounted } from '../src/operations/retention/mount-check.ts';
import { rpoNewsSince, storeRpoState, type RpoState } from '../src/operations/rpo/readings.ts';
import type { RpoLevel, RpoLevels } from '../src/domain/rpo.ts';
import type { Collected, Repository } from '../src/repository/repository.ts';
import { verifyPoint } from '../src/operations/verify/recovery-point.ts';
import { verifyPlace, type VerifiedPlace } from '../src/operations/verify/place.ts';
import type { Dependencies } from './dependencies.ts';
import { translated } from './call/failures.ts';
import { withHeartbeat, type Beat } from './call/heartbeat.ts';

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

/** Readings by level, and what is to be told. */
export interface RpoView {
  readonly news: readonly string[];
  readonly levels: RpoLevels;
  readonly breached: number;
  readonly most: number;
  readonly half: number;
  readonly ok: number;
}

export interface CollectedView extends Omit<Collected, 'expired'> {
  readonly expired: number;
}

const idsShown = 100;
const textsShown = 20;

function shown(texts: readonly string[]): string[] {
  return texts.slice(0, textsShown).map((text) => text.slice(0, 300));
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
    const place = await deps.storage(location);
    await requireMounted(repository, deps.appliance, location, place);
    return repository.replicateTo(place, {
      owner,
      onProgress: beat.report,
      signal: beat.signal,
    });
  };
  const measured = async (repository: Repository, location: string): Promise<void> => {
    const copy = async () => deps.repository(repository.id, location);
    try {
      const exposure = await measureExposure(copy, deps.appliance, location, new Date());
      await storeExposure(repository, { ...exposure, gone: await goneFrom(repository, await copy(), location) });
    } catch (error) {
      await noteUnanswered(repository, location, error instanceof Error ? error.message : String(error));
      throw error;
    }
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

    /** What a restore test found, beside the point: of those that were tried, and of those that failed. */
    async recordRestoreTest({
      repositoryId,
      backupId,
      components,
      failed,
      unproven = [],
      problems,
    }: {
      readonly repositoryId: string;
      readonly backupId: BackupId;
      readonly components: readonly string[];
      readonly failed: readonly string[];
      /** Nothing of their content could be compared: the test says nothing for them. */
      readonly unproven?: readonly string[];
      readonly problems: readonly string[];
    }): Promise<void> {
      return translated(undefined, async () => {
        const repository = await deps.repository(repositoryId);
        const level = { kind: 'verify', levels: ['L4'] };
        const held = components.filter((id) => !failed.includes(id) && !unproven.includes(id));
        if (held.length > 0)
          await repository.putProof(backupId, { ...level, ok: true, components: held, problemCount: 0, problems: [] });
        // A restore test of some says nothing for the whole, but its failure says something against it.
        if (failed.length > 0)
          await repository.putProof(backupId, {
            ...level,
            ok: false,
            state: 'failed',
            components: [...failed],
            problemCount: problems.length,
            problems: shown(problems),
          });
      });
    },

    /** `quick` looks at what there is and inspects it: what a writer has just read back need not be read again. */
    async verifyPoint({
      at,
      components,
      quick = false,
    }: {
      readonly at: string;
      readonly components: readonly string[];
      readonly quick?: boolean;
    }): Promise<{
      readonly id: BackupId;
      readonly ok: boolean;
      readonly objects: number;
      readonly bytes: number;
      readonly problems: readonly string[];
      readonly levels: readonly string[];
    }> {
      return translated(undefined, () =>
        withHeartbeat(async (beat) => {
          const repository = await deps.repository();
          return verifyPoint({
            repository,
            at,
            components,
            levels: quick ? ['L1-presence', 'L3'] : ['L1', 'L2', 'L3'],
            driver: deps.driver,
            onProgress: beat.report,
            signal: beat.signal,
            orThrow: false,
          });
        }),
      );
    },

    /** Ages of everything against the objectives. A location that does not answer is noted, and its age goes on growing. */
    async watchRpo(): Promise<RpoView> {
      return translated(undefined, () =>
        withHeartbeat(async () => {
          // Ages would show it only when much is lost; and it must not keep from looking at them.
          await deps
            .keepContinuousRuns()
            .catch((error: unknown) =>
              deps.log.warn({ reason: String(error) }, 'what is always on was not looked for'),
            );
          const repository = await deps.repository();
          for (const { name } of deps.appliance.locations) await measured(repository, name).catch(() => undefined);
          const { readings, news, levels } = await rpoNewsSince(repository, deps.appliance, new Date());
          const of = (level: RpoLevel): number => readings.filter((reading) => reading.level === level).length;
          return {
            levels,
            news: shown(news),
            breached: of('breached'),
            most: of('most'),
            half: of('half'),
            ok: of('ok'),
          };
        }),
      );
    },

    /** After people were told. */
    async noteRpo(state: RpoState): Promise<void> {
      return translated(undefined, async () => storeRpoState(await deps.repository(), state));
    },

    /** The daily look at a place; empty for the repository. */
    async verifyPlace({ location }: { readonly location: string }): Promise<VerifiedPlace> {
      return translated(undefined, () =>
        withHeartbeat(async (beat) => {
          const repository = await deps.repository();
          const result = await verifyPlace({
            own: repository,
            place: location === '' ? 'repository' : location,
            repository: location === '' ? repository : await deps.repository(repository.id, location),
            driver: deps.driver,
            now: new Date(),
            onProgress: beat.report,
            signal: beat.signal,
          });
          return { ...result, problems: shown(result.problems), notes: shown(result.notes) };
        }),
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
      return translated(undefined, () => withHeartbeat(async () => measured(await deps.repository(), location)));
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
