/** Components that somebody names: each must be one that there is. */
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Repository } from '../../repository/repository.ts';

/** InputInvalid for one that is neither configured nor among `elsewhere`, which is asked only then. */
export async function requireKnown(
  appliance: Pick<Appliance, 'components'>,
  ids: readonly string[],
  elsewhere?: () => Promise<readonly string[]>,
): Promise<void> {
  const configured = appliance.components.map(({ id }) => id);
  const foreign = ids.filter((id) => !configured.includes(id));
  const others = foreign.length === 0 ? [] : ((await elsewhere?.()) ?? []);
  const unknown = foreign.filter((id) => !others.includes(id));
  if (unknown.length === 0) return;
  throw new LifeboatError('InputInvalid', `unknown component ${unknown.map((id) => `\`${id}\``).join(', ')}`, {
    hint: `configured are ${configured.join(', ')}`,
  });
}

/** Those that some recovery point holds, one that is no longer configured among them. */
export async function heldComponents(repository: Pick<Repository, 'listManifests'>): Promise<string[]> {
  const listings = await repository.listManifests();
  return listings.flatMap(({ manifest }) => manifest?.lifeboat.components.map(({ id }) => id) ?? []);
}
