/**
 * What a location would give back if this host were lost: measured there, and kept in the repository as
 * `reports/exposure/<location>.json`, so that it can be told at once and while the location does not answer.
 */
import type { Appliance } from '../domain/appliance.ts';
import type { BackupId } from '../domain/recovery-point.ts';
import type { Repository } from '../repository/repository.ts';
import { copiesOf, type Copy } from './protection.ts';

export interface Exposure {
  readonly location: string;
  /** When the location last answered; null before it ever did. */
  readonly at: string | null;
  /** Newest recovery point there that holds everything. */
  readonly newest: BackupId | null;
  readonly components: readonly Copy[];
  /** Why the location did not answer since; empty where it did. */
  readonly problem: string;
}

const reportType = 'exposure';

export async function measureExposure(
  copy: () => Promise<Repository>,
  appliance: Appliance,
  location: string,
  now: Date,
): Promise<Exposure> {
  const { components, newest } = await copiesOf(await copy(), appliance);
  return { location, at: now.toISOString(), newest, components, problem: '' };
}

export async function storeExposure(repository: Repository, { components, ...exposure }: Exposure): Promise<void> {
  await repository.putReport(reportType, exposure.location, {
    ...exposure,
    components: components.map((component) => ({ ...component })),
  });
}

/** Of every configured location, in their order; one that was never measured holds nothing as far as we know. */
export async function readExposures(repository: Repository, appliance: Appliance): Promise<Exposure[]> {
  return Promise.all(
    appliance.locations.map(async ({ name }) => {
      const report = (await repository.getReport(reportType, name)) as Exposure | undefined;
      return report ?? { location: name, at: null, newest: null, components: [], problem: '' };
    }),
  );
}

/** Keeps what was last known of a location that does not answer. */
export async function noteUnanswered(repository: Repository, location: string, problem: string): Promise<void> {
  const known = (await repository.getReport(reportType, location)) as Exposure | undefined;
  await storeExposure(repository, {
    ...(known ?? { location, at: null, newest: null, components: [] }),
    problem,
  });
}
