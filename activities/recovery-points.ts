/** Activities on a location's host: reserve, seal, find, plan, verify, evidence. All may run twice. */
import { statfs } from 'node:fs/promises';
import type { BackupId, BackupType, ManifestBody, Receipt } from '../src/domain/recovery-point.ts';
import { roleOfKind, type Role } from '../src/domain/component.ts';
import type { JsonValue } from '../src/domain/recovery-point.ts';
import type { GoalFields, WalTarget } from '../src/domain/restore/target.ts';
import { LifeboatError } from '../src/domain/errors.ts';
import { formatBytes } from '../src/domain/duration.ts';
import { foreignOwner } from '../src/domain/whose-point.ts';
import { reseedRepository } from '../src/operations/restore/reseed-repository.ts';
import { selectArtefacts, goalOf } from '../src/operations/restore/select-artefacts.ts';
import { recordOf } from '../src/operations/backup/find-record.ts';
import { requireOwnRepository } from '../src/operations/recovery-points/require-own.ts';
import { requireClock } from '../src/operations/recovery-points/require-clock.ts';
import { pastRestores } from '../src/operations/restore/history.ts';
import { fittingArtefacts, makePlan } from '../src/operations/restore/make-plan.ts';
import { spotCheck } from '../src/operations/restore/spot-check.ts';
import { sealBackup } from '../src/operations/backup/seal.ts';
import { verifyPoint } from '../src/operations/verify/recovery-point.ts';
import type { CopyRequest } from './component.ts';
import type { Dependencies } from './dependencies.ts';
import { translated } from './call/failures.ts';
import { withHeartbeat } from './call/heartbeat.ts';
import type { PlanTarget, RestorePlan } from '../src/domain/restore/types.ts';

export interface PointView {
  readonly repositoryId: string;
  readonly backupId: BackupId;
  readonly components: readonly {
    readonly id: string;
    readonly role: Role;
    readonly host: string;
    readonly backupId: BackupId;
  }[];
  readonly artefacts: readonly ArtefactRef[];
  readonly skewSeconds: number;
}

/** An artefact without its record, which is read again. */
export interface ArtefactRef {
  readonly component: string;
  readonly backupId: BackupId;
  readonly moment: string;
  readonly wal?: WalTarget;
}

export interface SealRequest {
  readonly repositoryId: string;
  readonly backupId: BackupId;
  readonly type: BackupType;
  readonly startedAt: string;
  readonly receipts: readonly Receipt[];
  readonly failures: ManifestBody['failures'];
  readonly workflow: ManifestBody['workflow'];
}

export interface PlanRequest extends CopyRequest {
  readonly repositoryId: string;
  readonly backupId: BackupId;
  readonly at: string;
  readonly goal: GoalFields;
  readonly artefacts: readonly ArtefactRef[];
  readonly skewSeconds: number;
  readonly components: readonly string[];
  readonly rebuild?: readonly string[];
  readonly targets: readonly PlanTarget[];
  readonly stopFirst: boolean;
  readonly replaceDamaged: boolean;
  readonly keepNew: boolean;
  readonly now: string;
}

export type StorageActivities = ReturnType<typeof createStorageActivities>;

/** Longer than any capture goes without writing to what it staged. */
const stagedForMs = 2 * 86_400_000;

export function createStorageActivities(deps: Dependencies) {
  return {
    /** Reserves the id by the writer's intent; the same owner gets the same id again. */
    async beginBackup({
      owner,
      at,
    }: {
      readonly owner: string;
      readonly at: string;
    }): Promise<{ readonly backupId: BackupId; readonly repositoryId: string }> {
      return translated(undefined, () =>
        withHeartbeat(async () => {
          const repository = await deps.repository();
          await requireSpace(deps);
          requireClock(new Date(at), await repository.storage.now());
          await requireOwnRepository(repository, deps.appliance.name);
          // What killed workers left; a storage that refuses this now is asked again at the next backup.
          await repository.storage
            .sweepStaged(stagedForMs)
            .catch((error: unknown) => deps.log.warn({ reason: String(error) }, 'staged leftovers stay'));
          return { backupId: await repository.reserve(new Date(at), owner), repositoryId: repository.id };
        }),
      );
    },

    async sealBackup(request: SealRequest): Promise<{ readonly bytes: number; readonly storedBytes: number }> {
      return translated(undefined, () =>
        withHeartbeat(async () => {
          const repository = await deps.repository(request.repositoryId);
          const manifest = await sealBackup({ ...request, repository, appliance: deps.appliance });
          await repository.closeIntent(request.backupId);
          const { components } = manifest.lifeboat;
          return {
            bytes: components.reduce((sum, { bytes }) => sum + bytes, 0),
            storedBytes: components.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
          };
        }),
      );
    },

    /** Gives up a reserved id whose backup was never sealed, so that collection need not wait for it to expire. */
    async releaseBackup({
      repositoryId,
      backupId,
    }: {
      readonly repositoryId: string;
      readonly backupId: BackupId;
    }): Promise<void> {
      return translated(undefined, async () => (await deps.repository(repositoryId)).closeIntent(backupId));
    },

    async resolvePoint({
      at,
      components,
      rebuild = [],
      location,
      ...fields
    }: {
      readonly at: string;
      readonly components: readonly string[];
      /** Not chosen: the application makes them anew afterwards. */
      readonly rebuild?: readonly string[];
    } & CopyRequest &
      GoalFields): Promise<PointView> {
      return translated(undefined, () =>
        withHeartbeat(async () => {
          const repository = await deps.repository(undefined, location);
          const goal = goalOf(fields);
          const choice = await selectArtefacts({
            repository,
            appliance: deps.appliance,
            goal,
            at,
            components,
            rebuild,
          });
          return {
            repositoryId: repository.id,
            backupId: choice.backupId,
            skewSeconds: choice.skewSeconds,
            artefacts: choice.artefacts.map(({ record, ...artefact }) => ({ component: record.id, ...artefact })),
            // Those that are wanted and have a queue here. Nobody is asked about the others; the plan names them.
            components: fittingArtefacts(choice, deps.appliance, components).map(
              ({ artefact, config: { id, kind, host } }) => ({
                id,
                role: roleOfKind(kind),
                host,
                backupId: artefact.backupId,
              }),
            ),
          };
        }),
      );
    },

    /**
     * Where the repository is lost with its disk: begins it anew from the copy in a location, with the same keys, so
     * that what is made from now on continues it. RepositoryMismatch where another one lies in its place.
     */
    async reseedRepository({
      location,
      repositoryId,
    }: {
      readonly location: string;
      readonly repositoryId: string;
    }): Promise<{
      readonly adopted: boolean;
    }> {
      return translated(undefined, () =>
        withHeartbeat(async () => {
          const adopted = await reseedRepository(await deps.storage(location), await deps.storage());
          await deps.repository(repositoryId);
          return { adopted };
        }),
      );
    },

    async makePlan(request: PlanRequest): Promise<RestorePlan> {
      return translated(undefined, () =>
        withHeartbeat(async () => {
          const repository = await deps.repository(request.repositoryId, request.location);
          const artefacts = await Promise.all(
            request.artefacts.map(async ({ component, ...artefact }) => ({
              ...artefact,
              record: await recordOf(repository, artefact.backupId, component),
            })),
          );
          const foreign = foreignOwner(await repository.findManifest(request.backupId), deps.appliance);
          return makePlan({
            appliance: deps.appliance,
            platform: deps.platform,
            repository,
            isOwn: request.location === undefined,
            goal: goalOf(request.goal),
            at: request.at,
            choice: {
              backupId: request.backupId,
              artefacts,
              skewSeconds: request.skewSeconds,
              ...(foreign === undefined ? {} : { foreign }),
            },
            targets: request.targets,
            chosen: request.components,
            rebuild: request.rebuild ?? [],
            now: new Date(request.now),
            stopFirst: request.stopFirst,
            replaceDamaged: request.replaceDamaged,
            keepNew: request.keepNew,
            pastRuns: await pastRestores(repository),
            objectProblems: await spotCheck(repository, artefacts, request.components),
          });
        }),
      );
    },

    /** Before anything stops: every object of the chosen components exists and authenticates. */
    async verifyObjects({
      repositoryId,
      backupId,
      components,
      location,
    }: {
      readonly repositoryId: string;
      readonly backupId: BackupId;
      readonly components: readonly string[];
    } & CopyRequest): Promise<{ readonly objects: number }> {
      return translated(undefined, () =>
        withHeartbeat(async (beat) => {
          const repository = await deps.repository(repositoryId, location);
          const { objects } = await verifyPoint({
            repository,
            at: backupId,
            components,
            levels: ['L1-presence'],
            onProgress: beat.report,
            signal: beat.signal,
            orThrow: true,
          });
          return { objects };
        }),
      );
    },

    async writeReport({
      type,
      id,
      report,
    }: {
      readonly type: string;
      readonly id: string;
      readonly report: Readonly<Record<string, JsonValue>>;
    }): Promise<string> {
      return translated(undefined, async () => {
        const key = await (await deps.repository()).putReport(type, id, report);
        const { state, seconds, steps } = report;
        deps.observer.ran(type, typeof state === 'string' ? state : '', typeof seconds === 'number' ? seconds : 0);
        if (type === 'restore') for (const [step, took] of stepTimes(steps)) deps.observer.stepped(step, took);
        return key;
      });
    },
  };
}

/** Kinds of the steps that ended, with their seconds. */
function stepTimes(steps: JsonValue | undefined): [string, number][] {
  if (!Array.isArray(steps)) return [];
  return steps.flatMap((step): [string, number][] => {
    const { id, seconds } = (step ?? {}) as { readonly id?: JsonValue; readonly seconds?: JsonValue };
    return typeof id === 'string' && typeof seconds === 'number' ? [[id.replace(/:.*/, ''), seconds]] : [];
  });
}

/** D2.4: refuses to begin on a disk that is down to its reserve. */
async function requireSpace({ appliance, repository, driver }: Dependencies): Promise<void> {
  const { path, reserveBytes } = appliance.repository;
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  const known = (await (await repository()).listManifests()).some(({ manifest }) => manifest?.success);
  // A first backup stores everything; a later one stores changes, a tenth is a cautious guess.
  const estimates = await Promise.all(
    appliance.components.map(async ({ id }) =>
      driver(id)
        .then(async (one) => one.estimate())
        .catch(() => ({ bytes: 0 })),
    ),
  );
  const expected = Math.round(estimates.reduce((sum, { bytes }) => sum + bytes, 0) * (known ? 0.1 : 1));
  if (expected > free - reserveBytes) {
    throw new LifeboatError(
      'NoSpace',
      `the repository's disk has ${formatBytes(free)} free; the backup may need ${formatBytes(expected)} and ${formatBytes(reserveBytes)} must stay free (repository.reserve)`,
      { hint: `free ${formatBytes(expected + reserveBytes - free)} below ${path}` },
    );
  }
}
