/** `lifeboat postgres detach` */
import { formatBytes } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { withParts } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { print, printJson } from '../output/speak.ts';
import { columnsOf } from '../output/redraw.ts';
import { wrap } from '../output/wrap.ts';

/** Works with Temporal dead. */
export async function postgresDetach(
  globals: GlobalOptions,
  component: string | undefined,
  { slot }: { readonly slot?: string },
): Promise<void> {
  await withParts(globals, async ({ appliance, driver }) => {
    const databases = appliance.components.filter(({ kind }) => kind === 'postgres').map(({ id }) => id);
    const [id, ...others] = component === undefined ? databases : databases.filter((name) => name === component);
    const database = id === undefined || others.length > 0 ? undefined : await driver(id);
    if (database?.detachWal === undefined)
      throw new LifeboatError(
        'InputInvalid',
        component === undefined ? 'which database is meant?' : `\`${component}\` is no database of lifeboat.yaml`,
        { hint: databases.length === 0 ? 'there is none' : `choose of ${databases.join(', ')}` },
      );
    const detached = await database.detachWal(slot);
    if (globals.output === 'json') printJson({ component: id, ...detached });
    else
      print(
        wrap(
          `slot ${detached.slot} is gone; the server kept ${formatBytes(Math.max(0, detached.heldBytes))} for it, and removes them at its next checkpoint`,
          columnsOf(process.stdout),
          '  ',
        ),
      );
  });
}
