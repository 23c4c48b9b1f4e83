/** `lifeboat restore start`: the run plans, its plan is shown and approved by name, and then carried out. */
import { requireFree, restoreInput } from '../../client/restores.ts';
import { withClient } from '../../client/temporal/connection.ts';
import { formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { describeProbes } from '../../domain/probes.ts';
import { goalWords } from '../../domain/restore/target.ts';
import { pastTime } from '../../domain/zoned-time.ts';
import { requireRebuildable } from '../../operations/restore/rebuildable.ts';
import { goalOf } from '../../operations/restore/select-artefacts.ts';
import type { RestoreResult } from '../../../workflows/messages.ts';
import { approvePlan } from '../approve-plan.ts';
import { requireName, requireTerminal } from '../confirm.ts';
import { listOf, loadAppliance, withParts } from '../context.ts';
import { exit } from '../exit.ts';
import type { GlobalOptions } from '../globals.ts';
import { foreignLines, planText, undoText } from '../output/plan.ts';
import { print, printJson, say } from '../output/speak.ts';
import { requestedBy } from '../requested-by.ts';
import { startTelling, watchCommand } from '../start-and-watch.ts';
import { watchRun } from '../watch.ts';
import { localPlan, restorableOf, type SelectOptions } from './restore-plan.ts';

export interface StartOptions extends SelectOptions {
  readonly reason?: string;
  readonly confirm?: string;
  readonly disasterAt?: string;
  readonly idempotencyKey?: string;
  readonly detach?: boolean;
}

export async function restoreStart(globals: GlobalOptions, options: StartOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  if (options.disasterAt !== undefined) pastTime(options.disasterAt, new Date());
  goalOf(options);
  requireName(appliance, options.confirm);
  requireRebuildable(appliance, listOf(options.rebuild));
  const components = await withParts(globals, async (parts) => restorableOf(parts, options));
  await withClient(appliance, async (client) => {
    const goal = goalWords(options);
    const where = options.from === undefined ? '' : ` in ${options.from}`;
    const summary = `restore of ${appliance.name} ${goal === '' ? `from ${options.at}` : goal}${where}, asked by ${requestedBy()}${options.reason === undefined ? '' : `: ${options.reason}`}`;
    const workflowId = await startTelling({
      globals,
      appliance,
      client,
      type: 'restore',
      input: restoreInput({ ...options, components, rebuild: listOf(options.rebuild), requestedBy: requestedBy() }),
      summary,
      idempotencyKey: options.idempotencyKey,
      mayStart: async () => {
        const backup = await requireFree(client, appliance);
        if (backup !== undefined) say(`the restore will cancel ${backup.workflowId}`);
        if (options.confirm === undefined && !process.stdin.isTTY)
          requireTerminal(appliance, planText(await withParts(globals, async (parts) => localPlan(parts, options))));
      },
    });
    const again = watchCommand(globals, workflowId);
    if (options.confirm === undefined) await approvePlan(client, appliance, workflowId, planText, again);
    if (options.detach === true) return print(workflowId);
    const result = await watchRun<RestoreResult>(client, appliance, workflowId, { again });
    restored(globals, result);
    requireCarriedOut(workflowId, result);
  });
}

/** The end of a restore as people and scripts read it. */
export function restored(globals: GlobalOptions, result: RestoreResult): void {
  if (globals.output === 'json') printJson(result);
  else if (result.state === 'planned')
    print(result.plan.undoes === undefined ? planText(result.plan) : undoText(result.plan));
  else {
    print(`restored ${result.id} in ${formatDuration(result.seconds)}${proofOf(result)}`);
    foreignLines(result.plan).forEach((line) => say(line));
    result.safetyCopies.forEach((path) => print(`old data kept at ${path}`));
    const { rebuildWorkflowId = '', plan } = result;
    if (rebuildWorkflowId !== '')
      print(`the application builds ${(plan.rebuilds ?? []).join(', ')} anew: ${rebuildWorkflowId}`);
    if (result.backupWorkflowId !== '') print(`full backup started: ${result.backupWorkflowId}`);
  }
  const { unproven = [], rtoBreached } = result;
  if (unproven.length > 0) say(`UNPROVEN: ${unproven.join(', ')}: nothing of the content could be compared`);
  if (rtoBreached) say('the RTO was breached');
  // Of both the one after which something is left to do: late is over, unproven data may be wrong.
  if (unproven.length > 0) process.exitCode = exit.degraded;
  else if (rtoBreached) process.exitCode = exit.deadline;
}

/** Aborted where nobody approved the plan: who reads the exit code only must not believe that it was carried out. */
export function requireCarriedOut(workflowId: string, { state }: RestoreResult): void {
  if (state !== 'planned') return;
  throw new LifeboatError('Aborted', `${workflowId} ended as planned: nobody confirmed it; nothing was changed`, {
    hint: 'start it again, with another idempotency key where one was given',
  });
}

/** Old data that is put back is what it was: nothing is expected of its content. */
function proofOf({ probes, plan }: RestoreResult): string {
  return plan.undoes === undefined ? `: ${describeProbes(probes)}` : '';
}
