/** `lifeboat restore undo`: what the last committed restore replaced becomes live again. */
import { requireFree } from '../../client/restores.ts';
import { withClient } from '../../client/temporal/connection.ts';
import type { Appliance } from '../../domain/appliance.ts';
import type { RestorePlan } from '../../domain/restore/types.ts';
import { keptOf, makeUndoPlan } from '../../operations/restore/undo.ts';
import { wireParts } from '../../../workers/parts.ts';
import type { RestoreResult } from '../../../workflows/messages.ts';
import { approvePlan } from '../approve-plan.ts';
import { requireName, requireTerminal } from '../confirm.ts';
import { componentsOf, loadAppliance } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { undoText } from '../output/plan.ts';
import { print, say } from '../output/speak.ts';
import { requestedBy } from '../requested-by.ts';
import { startTelling, watchCommand } from '../start-and-watch.ts';
import { watchRun } from '../watch.ts';
import { requireCarriedOut, restored } from './restore-start.ts';

export interface UndoOptions {
  readonly components?: readonly string[];
  readonly reason?: string;
  readonly confirm?: string;
  readonly idempotencyKey?: string;
  readonly detach?: boolean;
}

export async function restoreUndo(globals: GlobalOptions, options: UndoOptions): Promise<void> {
  const { confirm } = options;
  const appliance = await loadAppliance(globals);
  requireName(appliance, confirm);
  const components = await componentsOf(appliance, options.components);
  await withClient(appliance, async (client) => {
    const workflowId = await startTelling({
      globals,
      appliance,
      client,
      type: 'restore',
      input: {
        undo: true,
        components,
        reason: options.reason ?? '',
        ...(confirm === undefined ? { waitForApproval: true } : { confirm }),
        requestedBy: requestedBy(),
      },
      idempotencyKey: options.idempotencyKey,
      summary: `undo of the last restore of ${appliance.name}, asked by ${requestedBy()}${options.reason === undefined ? '' : `: ${options.reason}`}`,
      mayStart: async () => {
        // Also where it need not be shown: what cannot be done is said before anything starts.
        const plan = await undoPlan(appliance, components);
        const backup = await requireFree(client, appliance);
        if (backup !== undefined) say(`the restore will cancel ${backup.workflowId}`);
        if (confirm === undefined) requireTerminal(appliance, undoText(plan));
      },
    });
    const again = watchCommand(globals, workflowId);
    if (confirm === undefined) await approvePlan(client, appliance, workflowId, undoText, again);
    if (options.detach === true) return print(workflowId);
    const result = await watchRun<RestoreResult>(client, appliance, workflowId, { again });
    restored(globals, result);
    requireCarriedOut(workflowId, result);
  });
}

async function undoPlan(appliance: Appliance, components: readonly string[]): Promise<RestorePlan> {
  const kept = await Promise.all(appliance.components.map(keptOf));
  return makeUndoPlan(
    { appliance, platform: wireParts(appliance).platform },
    kept.flatMap((view) => view ?? []),
    components,
    { now: new Date(), keepNew: false },
  );
}
