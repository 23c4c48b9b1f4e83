/** Retention of one place, as the configuration has it. */
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Repository } from '../../repository/repository.ts';
import type { RetentionOptions } from './retention.ts';

interface Places {
  readonly appliance: Appliance;
  readonly repository: (expectedId?: string, location?: string) => Promise<Repository>;
}

/** `location` is empty for the repository itself. A hold in the repository holds its copies too. NotFound. */
export async function retentionOptions(
  { appliance, repository: open }: Places,
  location: string,
  maxShare: number,
): Promise<RetentionOptions> {
  const repository = await open();
  const place = location === '' ? repository : await open(repository.id, location);
  const config = location === '' ? appliance.repository : appliance.locations.find(({ name }) => name === location);
  if (config === undefined) throw new LifeboatError('NotFound', `there is no location \`${location}\``);
  const holds = [...(await repository.listHolds()), ...(place === repository ? [] : await place.listHolds())];
  return {
    repository: place,
    isCopy: place !== repository,
    limits: config.retention,
    capacityBytes: config.capacityBytes,
    holds: holds.map(({ backupId }) => backupId),
    now: new Date(),
    maxShare,
  };
}
