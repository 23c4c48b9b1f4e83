/** Who holds the appliance, as the server knows it. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';

export interface LockHolder {
  /** Empty if the lock was freed meanwhile. */
  readonly workflowId: string;
  /** Type of the workflow; by its id where the server does not know it any more. */
  readonly type: string;
}

/** The run that the lock's memo names. Its type is asked of the server: an id says nothing, people choose their own. */
export async function lockHolder(client: Client, lock: string): Promise<LockHolder> {
  const held = await described(client, `lock/${lock}`);
  const workflowId = held?.memo?.holder;
  if (held?.status.name !== 'RUNNING' || typeof workflowId !== 'string') return { workflowId: '', type: '' };
  return { workflowId, type: (await described(client, workflowId))?.type ?? typeOfId(workflowId) };
}

async function described(client: Client, workflowId: string) {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** The type in the id of a run that was started by us: `<type>/<appliance>/…`. */
function typeOfId(workflowId: string): string {
  return workflowId.slice(0, Math.max(0, workflowId.indexOf('/')));
}
