/** Whether a location may be filled anew. */
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { layout } from '../../repository/layout.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Storage } from '../../storage/storage.ts';
import { readExposure } from '../rpo/location-coverage.ts';

/**
 * RepositoryMissing where a folder has held a copy and holds none now: that is what a disk or share looks like that is
 * not mounted, and a copy made there would lie on this host, called safe. A bucket or a server that answers is filled
 * again: there it was emptied.
 */
export async function requireMounted(
  repository: Repository,
  appliance: Appliance,
  location: string,
  place: Storage,
): Promise<void> {
  if (appliance.locations.find(({ name }) => name === location)?.kind !== 'local') return;
  if ((await place.stat(layout.repository)) !== undefined) return;
  const known = await readExposure(repository, location);
  if (known?.at === undefined || known.at === null) return;
  throw new LifeboatError(
    'RepositoryMissing',
    `location ${location} held a copy at ${known.at.slice(0, 16)}Z, and ${place.description} is empty now: is its disk mounted?`,
    { hint: 'mount it; where it was emptied for good, give the location another name in lifeboat.yaml' },
  );
}
