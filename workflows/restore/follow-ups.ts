/** What a committed restore starts: a full backup, and what the application is to build anew. */
import { fullBackup } from '../backup/backup.ts';
import type { RestoreResult } from '../messages.ts';
import { startDetachedChild } from '../run/detached-child.ts';
import type { RunDisplay } from '../run/display.ts';
import { rootMessage } from '../run/failure.ts';
import { startRebuild } from './rebuild.ts';

/** One that cannot be started is noted: the restore is committed all the same. */
export async function startFollowUps(
  appliance: string,
  display: RunDisplay,
  result: RestoreResult,
): Promise<RestoreResult> {
  const { subject } = display.view();
  const noted = async (start: Promise<string>, what: string): Promise<string> =>
    start.catch((error: unknown) => {
      display.note(`${what}: ${rootMessage(error)}`);
      return '';
    });
  const backupWorkflowId = await noted(startBackup(appliance, subject), 'no full backup was started');
  const rebuilds = result.plan.rebuilds ?? [];
  const rebuildWorkflowId = await noted(
    startRebuild(appliance, rebuilds, `after the restore of ${result.id}`),
    'nothing is built anew',
  );
  return { ...result, backupWorkflowId, ...(rebuildWorkflowId === '' ? {} : { rebuildWorkflowId }) };
}

/** The restored appliance has no recovery point of its own yet: a full backup begins at once. */
async function startBackup(appliance: string, restored: string): Promise<string> {
  const workflowId = `fullBackup/${appliance}/${new Date().toISOString()}`;
  await startDetachedChild(fullBackup, {
    workflowId,
    input: { requestedBy: 'restore', reason: `after the restore of ${restored}` },
    summary: `full backup after the restore of ${restored}`,
  });
  return workflowId;
}
