/**
 * What a location would give back if this host were lost: measured there, and kept in the repository as
 * `reports/exposure/<location>.json`, so that it can be told at once and while the location does not answer.
 */
import { z } from 'zod';
import type { Appliance } from '../../domain/appliance.ts';
import type { BackupId } from '../../domain/recovery-point.ts';
import type { Repository } from '../../repository/repository.ts';
import { walStates } from '../wal/continuity.ts';
import { ageOf, copiesOf, objectiveOf, type ComponentAge, type Copy } from './coverage.ts';

export interface Exposure {
  readonly location: string;
  /** When the location last answered; null before it ever did. */
  readonly at: string | null;
  /** Newest recovery point there that holds everything. */
  readonly newest: BackupId | null;
  readonly components: readonly Copy[];
  /** Why the location did not answer since; empty where it did. */
  readonly problem: string;
  /** Recovery points that lie there and are gone from the repository; absent where none is, and in older reports. */
  readonly gone?: readonly BackupId[];
}

const time = z.iso.datetime({ offset: true }).nullable();
const backupId = z.string().nullable();

const exposure = z.object({
  at: time,
  newest: backupId,
  components: z.array(
    z.object({
      id: z.string(),
      backupId,
      recoverableUntil: time,
      verifiedUntil: time.default(null),
      unprovenSince: time.default(null),
      wal: z
        .object({ state: z.enum(walStates), reason: z.string() })
        .nullable()
        .default(null),
    }),
  ),
  problem: z.string().default(''),
  gone: z.array(z.string()).default([]),
});

/** A location against the objectives, at a moment. */
export interface LocationAge {
  readonly location: string;
  readonly offHost: boolean;
  readonly newest: BackupId | null;
  /** Ages of all components. */
  readonly components: readonly (Copy & Pick<ComponentAge, 'ageSeconds' | 'objectiveSeconds' | 'breached'>)[];
  /** ISO 8601; null before the first one. */
  readonly measuredAt: string | null;
  readonly problem: string;
}

export const exposureReport = 'exposure';

export async function measureExposure(
  copy: () => Promise<Repository>,
  appliance: Appliance,
  location: string,
  now: Date,
): Promise<Exposure> {
  const { components, newest } = await copiesOf(await copy(), appliance, now);
  return { location, at: now.toISOString(), newest, components, problem: '' };
}

export async function storeExposure(
  repository: Repository,
  { components, gone = [], ...exposure }: Exposure,
): Promise<void> {
  await repository.putReport(exposureReport, exposure.location, {
    ...exposure,
    components: components.map((component) => ({ ...component })),
    ...(gone.length === 0 ? {} : { gone: [...gone] }),
  });
}

/** Undefined before the location was ever asked, and where what is known of it cannot be read: the next measure writes it anew. */
export async function readExposure(repository: Repository, location: string): Promise<Exposure | undefined> {
  const read = exposure.safeParse(await repository.findReport(exposureReport, location)).data;
  return read === undefined ? undefined : { ...read, location };
}

/** Recovery points that the location held and the repository did not, when both were looked at last. */
export async function goneOf(repository: Repository, location: string): Promise<readonly BackupId[]> {
  return (await readExposure(repository, location))?.gone ?? [];
}

/** The exposures of all configured locations, in their order; one that was never measured holds nothing as far as we know. */
export async function readExposures(repository: Repository, appliance: Appliance): Promise<Exposure[]> {
  return Promise.all(
    appliance.locations.map(async ({ name }) => {
      const known = await readExposure(repository, name);
      return known ?? { location: name, at: null, newest: null, components: [], problem: '' };
    }),
  );
}

/** Ages grow between two measurements, also where nobody measures any more. */
export async function readLocationAges(
  repository: Repository,
  appliance: Appliance,
  now: Date,
): Promise<LocationAge[]> {
  const exposures = await readExposures(repository, appliance);
  return exposures.map(({ location, at, newest, components, problem }) => ({
    location,
    offHost: appliance.locations.find(({ name }) => name === location)?.offHost ?? false,
    newest,
    components: appliance.components.map(({ id }) =>
      ageOf({ ...noCopy(id), ...components.find((copy) => copy.id === id) }, objectiveOf(appliance, id), now),
    ),
    measuredAt: at,
    problem,
  }));
}

/** As far as we know, there is none of a component in a place that was not measured since it is configured. */
function noCopy(id: string): Copy {
  return { id, backupId: null, recoverableUntil: null, verifiedUntil: null, unprovenSince: null, wal: null };
}

/** Keeps what was last known of a location that does not answer. */
export async function noteUnanswered(repository: Repository, location: string, problem: string): Promise<void> {
  const known = await readExposure(repository, location);
  await storeExposure(repository, {
    ...(known ?? { location, at: null, newest: null, components: [] }),
    problem,
  });
}
