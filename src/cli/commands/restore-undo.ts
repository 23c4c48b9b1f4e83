/** `lifeboat restore undo`: what the last committed restore replaced becomes live again. */
import { withClient } from '../../client/temporal/connection.ts';
import { requireWorker } from '../../client/temporal/workers.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { keptOf, makeUndoPlan } from '../../operations/restore/undo.ts';
import { askForName, requireFree, requireName } from '../confirm.ts';
import { componentsOf, loadAppliance } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { undoText } from '../output/plan.ts';
import { requestedBy } from '../requested-by.ts';
import { startAndWatch } from '../start-and-watch.ts';
import { restored } from './restore-start.ts';
import type { RestorePlan } from '../../domain/restore/types.ts';

export interface UndoOptions {
  readonly components?: readonly string[];
  readonly reason?: string;
  readonly confirm?: string;
  readonly detach?: boolean;
}

export async function restoreUndo(globals: GlobalOptions, options: UndoOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  requireName(appliance, options.confirm);
  const components = await componentsOf(appliance, options.components);
  // Also where it need not be shown: what cannot be done is said before anything starts.
  const plan = await undoPlan(appliance, components);
  await withClient(appliance, async (client) => {
    await requireWorker(client, appliance);
    await requireFree(client, appliance);
    const result = await startAndWatch({
      globals,
      appliance,
      client,
      type: 'restore',
      input: {
        undo: true,
        components,
        reason: options.reason ?? '',
        confirm: options.confirm ?? (await askForName(appliance, undoText(plan))),
        requestedBy: requestedBy(),
      },
      summary: `undo of the restore of ${plan.undoes?.lockStart ?? ''}, asked by ${requestedBy()}${options.reason === undefined ? '' : `: ${options.reason}`}`,
      detach: options.detach,
    });
    if (result !== undefined) restored(globals, result);
  });
}

async function undoPlan(appliance: Appliance, components: readonly string[]): Promise<RestorePlan> {
  const kept = await Promise.all(appliance.components.map(keptOf));
  return makeUndoPlan(
    appliance,
    kept.flatMap((view) => view ?? []),
    components,
    new Date(),
  );
}
