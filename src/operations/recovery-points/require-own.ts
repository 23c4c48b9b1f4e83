/** Refuses a repository that does not belong to the appliance that is to write into it. */
import { LifeboatError } from '../../domain/errors.ts';
import { sharedHint } from '../../domain/whose-point.ts';
import type { Repository } from '../../repository/repository.ts';

/**
 * Precondition where the newest point that can be read is of another appliance: that one writes here. The one whose point is
 * the newest goes on, also beside older ones of others, or nobody would be backed up any more.
 */
export async function requireOwnRepository(repository: Repository, appliance: string): Promise<void> {
  const listings = await repository.listManifests();
  const newest = listings.find(({ manifest }) => manifest !== undefined);
  if (newest?.foreign === undefined) return;
  throw new LifeboatError(
    'Precondition',
    `the newest recovery point in ${repository.storage.description}, ${newest.timestamp}, is of the appliance \`${newest.foreign}\`, and this one is \`${appliance}\`; no recovery point was begun`,
    { hint: sharedHint },
  );
}
