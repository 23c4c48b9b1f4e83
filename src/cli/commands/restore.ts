/** `lifeboat restore watch|abort|show` */
import type { Client } from '@temporalio/client';
import { withClient } from '../../client/connection.ts';
import { abortRun, openRuns } from '../../client/runs.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { isBackupWorkflow } from '../../domain/recovery-point.ts';
import { exposureReport } from '../../operations/exposure.ts';
import { rpoReport } from '../../operations/rpo.ts';
import { rereadReport } from '../../operations/verify-place.ts';
import type { Repository } from '../../repository/repository.ts';
import type { BackupResult, RebuildResult, RestoreResult } from '../../../workflows/messages.ts';
import { commandOf, loadAppliance, print, printJson, say, withParts, type GlobalOptions } from '../context.ts';
import { evidenceText } from '../output/evidence.ts';
import { requestedBy } from '../requested-by.ts';
import { watchRun } from '../watch.ts';
import { backedUp } from './backups.ts';
import { rebuilt } from './restore-rebuild.ts';
import { restored } from './restore-start.ts';

/** Any run may be watched; without an id the newest restore that is open, else the newest run. */
export async function restoreWatch(globals: GlobalOptions, run: string | undefined): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const workflowId = run ?? (await newestRun(client, appliance));
    const result = await watchRun(client, workflowId, { again: commandOf(globals, `restore watch ${workflowId}`) });
    if (workflowId.startsWith('restore/')) restored(globals, result as RestoreResult);
    else if (isBackupWorkflow(workflowId.split('/')[0] ?? '')) backedUp(globals, result as BackupResult);
    else if (workflowId.startsWith('rebuild/')) rebuilt(globals, result as RebuildResult);
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
    say(`${workflowId}: ${await abortRun(client, appliance, workflowId, { by: requestedBy(), reason })}`);
    try {
      await watchRun(client, workflowId, { again: commandOf(globals, `restore watch ${workflowId}`) });
    } catch (error) {
      // What was asked for: the run ends as aborted, with everything undone.
      if (!isLifeboatError(error, 'Aborted') || !error.message.includes('undone=full')) throw error;
      print(`${workflowId} was aborted; the old data stands`);
      return;
    }
    throw new LifeboatError('Precondition', `${workflowId} was past the point of no return and committed`, {
      hint: 'its old data is kept beside the new: `lifeboat restore show`',
    });
  });
}

/** The evidence in the repository: it outlives Temporal's history. */
export async function restoreShow(globals: GlobalOptions, run: string | undefined): Promise<void> {
  await withParts(globals, async ({ repository: open, appliance }) => {
    const repository = await open();
    const id = run ?? (await newestReport(repository));
    const report = await repository.getReport(id.split('/')[0] ?? '', id);
    if (report === undefined) throw await noReport(repository, appliance, id);
    if (globals.output === 'json') printJson(report);
    else print(evidenceText(id, report));
  });
}

async function newestReport(repository: Repository): Promise<string> {
  const [newest] = await repository.listReports('restore');
  if (newest !== undefined) return newest.id;
  throw new LifeboatError('NotFound', 'the repository holds no report of a restore', {
    hint: 'no restore has ended yet; a running one: `lifeboat restore watch`',
  });
}

/** Reports that tell how things stand, not how a run ended. */
const states: readonly string[] = [exposureReport, rpoReport, rereadReport];

async function noReport(repository: Repository, appliance: Appliance, id: string): Promise<LifeboatError> {
  const runs = (await repository.listReports()).filter(({ type }) => !states.includes(type));
  const known = runs.map((report) => report.id).slice(0, 5);
  const message = `the repository holds no report of \`${id}\``;
  if (await stillRuns(appliance, id))
    return new LifeboatError('NotFound', `${message}: it still runs`, { hint: `\`lifeboat restore watch ${id}\`` });
  return new LifeboatError('NotFound', message, {
    hint: known.length === 0 ? 'no run has ended yet' : `the newest are\n    ${known.join('\n    ')}`,
  });
}

async function stillRuns(appliance: Appliance, id: string): Promise<boolean> {
  try {
    return await withClient(
      appliance,
      async (client) => (await client.workflow.getHandle(id).describe()).status.name === 'RUNNING',
    );
  } catch {
    // Whether it runs is a courtesy: without Temporal the report is missing all the same.
    return false;
  }
}

async function newestRun(client: Client, appliance: Appliance): Promise<string> {
  const open = await openRuns(client, appliance);
  const newest = open.find(({ type }) => type === 'restore') ?? open[0];
  if (newest === undefined)
    throw new LifeboatError('NotFound', `no run of ${appliance.name} is open`, {
      hint: 'the last restore: `lifeboat restore show`',
    });
  return newest.workflowId;
}

async function openRestore(client: Client, appliance: Appliance): Promise<string> {
  const newest = (await openRuns(client, appliance)).find(({ type }) => type === 'restore');
  if (newest === undefined)
    throw new LifeboatError('NotFound', `no restore of ${appliance.name} is open; nothing was aborted`, {
      hint: 'the last one: `lifeboat restore show`',
    });
  return newest.workflowId;
}
