/** `lifeboat restore watch|abort` */
import { withClient } from '../../client/temporal/connection.ts';
import { newestOpenRun, openRestore, undoneOf } from '../../client/restores.ts';
import { typeOfRun } from '../../client/runs.ts';
import { steerRun } from '../../client/steer.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { isBackupWorkflow } from '../../domain/recovery-point.ts';
import type { BackupResult, RebuildResult, RestoreResult } from '../../../workflows/messages.ts';
import { loadAppliance } from '../context.ts';
import { commandOf, type GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { requestedBy } from '../requested-by.ts';
import { watchRun } from '../watch.ts';
import { backedUp } from './backups-run.ts';
import { rebuilt } from './restore-rebuild.ts';
import { restored } from './restore-start.ts';

/** Any run may be watched; without an id the newest restore that is open, else the newest run. */
export async function restoreWatch(globals: GlobalOptions, run: string | undefined): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const workflowId = run ?? (await newestOpenRun(client, appliance));
    const type = await typeOfRun(client, workflowId);
    const result = await watchRun(client, appliance, workflowId, {
      again: commandOf(globals, `restore watch ${workflowId}`),
    });
    if (type === 'restore') restored(globals, result as RestoreResult);
    else if (isBackupWorkflow(type)) backedUp(globals, result as BackupResult);
    else if (type === 'rebuild') rebuilt(globals, result as RebuildResult);
    else printJson(result);
  });
}

export async function restoreAbort(
  globals: GlobalOptions,
  run: string | undefined,
  { reason }: { readonly reason: string },
): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const workflowId = run ?? (await openRestore(client, appliance));
    say(`${workflowId}: ${await steerRun(client, appliance, workflowId, 'abort', { by: requestedBy(), reason })}`);
    try {
      await watchRun(client, appliance, workflowId, { again: commandOf(globals, `restore watch ${workflowId}`) });
    } catch (error) {
      // What was asked for: the run ends as aborted, with everything undone.
      const undone = isLifeboatError(error, 'Aborted') ? await undoneOf(client, workflowId) : undefined;
      if (undone === undefined || undone === 'partial') throw error;
      print(`${workflowId} was aborted; ${undone === 'none' ? 'nothing was changed' : 'what was there is back'}`);
      return;
    }
    throw new LifeboatError('Precondition', `${workflowId} was past the point of no return and committed`, {
      hint: 'its old data is kept beside the new: `lifeboat restore show`',
    });
  });
}

/** `restore pause` and `restore resume`. */
export async function restoreSteer(
  globals: GlobalOptions,
  steering: 'pause' | 'resume',
  run: string | undefined,
  { reason = '' }: { readonly reason?: string },
): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const workflowId = run ?? (await openRestore(client, appliance));
    print(`${workflowId}: ${await steerRun(client, appliance, workflowId, steering, { by: requestedBy(), reason })}`);
  });
}
