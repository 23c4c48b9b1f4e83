/** `lifeboat prove [id]`: a trial restore in private (L4). Changes nothing live. */
import { withClient } from '../../client/connection.ts';
import { startRun } from '../../client/runs.ts';
import { plural } from '../../domain/plural.ts';
import type { ProveBackupResult } from '../../../workflows/messages.ts';
import { commandOf, componentsOf, loadAppliance, print, printJson, type GlobalOptions } from '../context.ts';
import { requestedBy } from '../requested-by.ts';
import { watchRun } from '../watch.ts';
import { startAndTell } from './restore-start.ts';

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
    const workflowId = await startAndTell(globals, appliance, (onStarted) =>
      startRun(client, appliance, 'proveBackup', input, summary, onStarted),
    );
    if (options.detach === true) return print(workflowId);
    const result = await watchRun<ProveBackupResult>(client, workflowId, {
      again: commandOf(globals, `restore watch ${workflowId}`),
    });
    if (globals.output === 'json') printJson(result);
    else print(`recovery point ${result.id} can be restored: ${plural(result.probes, 'probe')} hold`);
  });
}
