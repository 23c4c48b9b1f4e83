/** Tablespaces that a restore could not stage beside the live data: inside the data directory, or inside one another. */
import { isAbsolute } from 'node:path';
import { LifeboatError } from '../../../domain/errors.ts';
import { isOutside } from '../capture/config-files.ts';
import type { Tablespace } from '../facts.ts';

const moveHint =
  'make a tablespace elsewhere, move its contents (ALTER DATABASE, TABLE or INDEX … SET TABLESPACE …), then DROP TABLESPACE';

/** Precondition, naming tablespace and place. */
export function refuseTablespacePlaces(
  tablespaces: readonly Pick<Tablespace, 'name' | 'location'>[],
  dataDirectory: string,
  component: string,
): void {
  for (const { name, location } of tablespaces) {
    const outer = tablespaces.find((other) => other.name !== name && !isOutside(location, other.location));
    const isInData = !isAbsolute(location) || !isOutside(location, dataDirectory);
    if (!isInData && outer === undefined) continue;
    const where = isInData ? 'the data directory' : `the tablespace \`${outer?.name ?? ''}\``;
    throw new LifeboatError('Precondition', `tablespace \`${name}\` lies inside ${where}, at \`${location}\``, {
      component,
      hint: moveHint,
    });
  }
}
