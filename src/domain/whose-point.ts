/**
 * Whose a recovery point is. A repository belongs to one appliance: `latest`, moments, bases, ages and what retention keeps
 * are told by time, and points of two would take turns in each of these. Pure.
 */
import { plural } from './plural.ts';
import type { BackupId, Manifest } from './recovery-point.ts';

/** The appliance of the configuration, as far as it says whose a point is. */
export interface Owner {
  readonly name: string;
  /** Names that it had before: points that were sealed under them are its own. */
  readonly formerNames: readonly string[];
}

interface Listed {
  readonly timestamp: BackupId;
  readonly manifest?: Manifest;
  /** The other appliance whose point it is. */
  readonly foreign?: string;
}

/** The name of the other appliance that a point is of; undefined where it is own. */
export function foreignOwner(
  { lifeboat: { appliance } }: Pick<Manifest, 'lifeboat'>,
  { name, formerNames }: Owner,
): string | undefined {
  return appliance === name || formerNames.includes(appliance) ? undefined : appliance;
}

/** Those that can be read and are own, in their order. */
export function ownPoints(listings: readonly Listed[]): Manifest[] {
  return listings.flatMap(({ manifest, foreign }) => (manifest === undefined || foreign !== undefined ? [] : manifest));
}

/** So many are named one by one. */
const shown = 3;

/** That points of others lie here, whose they are, and the newest of them; undefined where there are none. */
export function sharedText(listings: readonly Listed[]): string | undefined {
  const foreign = listings.filter((listing) => listing.foreign !== undefined);
  if (foreign.length === 0) return undefined;
  const names = [...new Set(foreign.map((listing) => `\`${listing.foreign}\``))].toSorted().join(', ');
  const ids = foreign.slice(0, shown).map(({ timestamp }) => timestamp);
  const more = foreign.length > shown ? `, and ${foreign.length - shown} more` : '';
  return `${plural(foreign.length, 'recovery point')} of another appliance, ${names}, in this one's repository: ${ids.join(', ')}${more}`;
}

/** Whoever wants a point of another appliance all the same. */
export const foreignHint =
  'if this host is that of the appliance that made it, write its name as `appliance` into lifeboat.yaml, or its old name into `formerNames`; the point of another appliance is restored by its whole id alone, with `--at`';

/** What a person does about points of others in the repository. */
export const sharedHint =
  'give each appliance a repository of its own (`repository.path`, `lifeboat init`); of one that was only renamed, write the old name into `formerNames` in lifeboat.yaml';
