/** `lifeboat restore start`: shows the plan, asks for the appliance's name, starts the run and watches it. */
import { withClient } from '../../client/temporal/connection.ts';
import { requireWorker } from '../../client/temporal/workers.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { formatDuration } from '../../domain/duration.ts';
import { describeProbes } from '../../domain/probes.ts';
import { goalFields } from '../../domain/restore/target.ts';
import { pastTime } from '../../domain/zoned-time.ts';
import { goalOf } from '../../operations/restore/select-artefacts.ts';
import { requireRebuildable } from '../../operations/restore/rebuildable.ts';
import type { RestoreResult } from '../../../workflows/messages.ts';
import { askForName, requireFree, requireName } from '../confirm.ts';
import { listOf, loadAppliance, withParts } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { exit } from '../exit.ts';
import { foreignLines, planText, undoText } from '../output/plan.ts';
import { requestedBy } from '../requested-by.ts';
import { startAndWatch } from '../start-and-watch.ts';
import { goalWords, planHere, restorableOf, type SelectOptions } from './restore-plan.ts';

export interface StartOptions extends SelectOptions {
  readonly reason?: string;
  readonly confirm?: string;
  readonly keepNew?: boolean;
  readonly disasterAt?: string;
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
    await requireWorker(client, appliance);
    await requireFree(client, appliance);
    const { confirm, at } = await confirmed(globals, appliance, options);
    const input = {
      at,
      ...(options.from === undefined ? {} : { from: options.from }),
      ...goalFields(options),
      components,
      ...((options.rebuild ?? []).length === 0 ? {} : { rebuild: listOf(options.rebuild) }),
      reason: options.reason ?? '',
      confirm,
      stopFirst: options.stopFirst ?? false,
      replaceDamaged: options.replaceDamaged ?? false,
      keepNew: options.keepNew ?? false,
      requestedBy: requestedBy(),
      ...(options.disasterAt === undefined ? {} : { disasterAt: options.disasterAt }),
    };
    const goal = goalWords(options);
    const where = options.from === undefined ? '' : ` in ${options.from}`;
    const summary = `restore of ${appliance.name} ${goal === '' ? `from ${at}` : goal}${where}, asked by ${requestedBy()}${options.reason === undefined ? '' : `: ${options.reason}`}`;
    const result = await startAndWatch({
      globals,
      appliance,
      client,
      type: 'restore',
      input,
      summary,
      detach: options.detach,
    });
    if (result !== undefined) restored(globals, result);
  });
}

/** Who confirmed what was shown gets that, although a newer point may be sealed by now. */
async function confirmed(
  globals: GlobalOptions,
  appliance: Appliance,
  options: StartOptions,
): Promise<{ readonly confirm: string; readonly at: string }> {
  if (options.confirm !== undefined) return { confirm: options.confirm, at: options.at };
  const view = await withParts(globals, async (parts) => planHere(parts, options));
  const confirm = await askForName(appliance, planText(view));
  // A moment is not bound to the recovery point that was shown: by now a newer one may lie before it.
  return { confirm, at: goalWords(options) === '' ? view.plan.backupId : options.at };
}

/** The end of a restore as people and scripts read it. */
export function restored(globals: GlobalOptions, result: RestoreResult): void {
  if (globals.output === 'json') printJson(result);
  else if (result.state === 'planned')
    print(
      result.plan.undoes === undefined
        ? planText({ plan: result.plan, notHeld: [], passedOver: [] })
        : undoText(result.plan),
    );
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

/** Old data that is put back is what it was: nothing is expected of its content. */
function proofOf({ probes, plan }: RestoreResult): string {
  return plan.undoes === undefined ? `: ${describeProbes(probes)}` : '';
}
