/** `lifeboat prove [id]`: a restore test in private (L4). Changes nothing live. */
import { withClient } from '../../client/temporal/connection.ts';
import { componentsOf, loadAppliance } from '../context.ts';
import { exit } from '../exit.ts';
import type { GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { requestedBy } from '../requested-by.ts';
import { startAndWatch } from '../start-and-watch.ts';

export async function prove(
  globals: GlobalOptions,
  at: string,
  options: { readonly components?: readonly string[]; readonly detach?: boolean; readonly idempotencyKey?: string },
): Promise<void> {
  const appliance = await loadAppliance(globals);
  const components = await componentsOf(appliance, options.components);
  await withClient(appliance, async (client) => {
    const input = { at, components, requestedBy: requestedBy() };
    const summary = `restore test of ${at}, asked by ${requestedBy()}`;
    const { detach, idempotencyKey } = options;
    const run = { globals, appliance, client, type: 'proveBackup', input, summary, detach, idempotencyKey } as const;
    const result = await startAndWatch(run);
    if (result === undefined) return;
    const { id, text, unproven } = result;
    if (globals.output === 'json') printJson(result);
    else if (unproven.length === 0) print(`recovery point ${id} can be restored: ${text}`);
    else print(`recovery point ${id} was restored in private: ${text}`);
    if (unproven.length === 0) return;
    say(`UNPROVEN: ${unproven.join(', ')}: nothing of the content could be compared`);
    process.exitCode = exit.degraded;
  });
}
