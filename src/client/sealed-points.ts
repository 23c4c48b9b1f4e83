/** Which recovery points were sealed, as Temporal remembers it: it knows of them also where their evidence was taken away. */
import type { Client } from '@temporalio/client';
import type { BackupResult } from '../../workflows/messages.ts';
import type { Appliance } from '../domain/appliance.ts';
import { backupWorkflows, type BackupId } from '../domain/recovery-point.ts';
import { isRunOf, queryOf } from './runs.ts';

export interface SealedPoint {
  readonly id: BackupId;
  /** Who says so, for people. */
  readonly by: string;
}

/** The newest runs that are asked for their result. */
const runsLooked = 10;
const types = Object.values(backupWorkflows);

/** The points that the last backups sealed. None where the server cannot say it: nothing hangs on it alone. */
export async function sealedPoints(client: Client, appliance: Appliance): Promise<SealedPoint[]> {
  try {
    const runs: { readonly workflowId: string; readonly runId: string }[] = [];
    const own = await queryOf(client, appliance, types);
    const query = `WorkflowType IN (${types.map((type) => `'${type}'`).join(', ')}) AND ExecutionStatus = 'Completed' AND ${own}`;
    for await (const run of client.workflow.list({ query })) {
      if (isRunOf(appliance.name, run)) runs.push(run);
      if (runs.length >= runsLooked) break;
    }
    const sealed = await Promise.all(runs.map(async ({ workflowId, runId }) => resultOf(client, workflowId, runId)));
    return sealed.flatMap((point) => point ?? []);
  } catch {
    return [];
  }
}

async function resultOf(client: Client, workflowId: string, runId: string): Promise<SealedPoint | undefined> {
  const { state, id } = (await client.workflow.getHandle(workflowId, runId).result()) as BackupResult;
  return state === 'sealed' ? { id, by: `Temporal says that ${workflowId} sealed it` } : undefined;
}
