/** Components that somebody names: each must be one that there is. */
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';

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
