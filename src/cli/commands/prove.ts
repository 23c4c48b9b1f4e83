/** `lifeboat prove [id]`: a trial restore in private (L4). Changes nothing live. */
import { withClient } from '../../client/connection.ts';
import { plural } from '../../domain/plural.ts';
import type { ProveBackupResult } from '../../../workflows/messages.ts';
import { componentsOf, loadAppliance } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { print, printJson } from '../output/speak.ts';
import { requestedBy } from '../requested-by.ts';
import { startAndWatch } from '../start-and-watch.ts';

export async function prove(
  globals: GlobalOptions,
  at: string,
  options: { readonly components?: readonly string[]; readonly detach?: boolean },
): Promise<void> {
  const appliance = await loadAppliance(globals);
  const components = await componentsOf(appliance, options.components);
  await withClient(appliance, async (client) => {
    const input = { at, components, requestedBy: requestedBy() };
    const summary = `trial restore of ${at}, asked by ${requestedBy()}`;
    const { detach } = options;
    const run = { globals, appliance, client, type: 'proveBackup', input, summary, detach };
    const result = await startAndWatch<ProveBackupResult>(run);
    if (result === undefined) return;
    if (globals.output === 'json') printJson(result);
    else print(`recovery point ${result.id} can be restored: ${plural(result.probes, 'probe')} hold`);
  });
}
