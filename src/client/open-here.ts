/**
 * Runs that this process started, and those that they started beside themselves, as far as they are open. The server's list of
 * open runs shows a new one only after a while: who would end the server by that list alone could end it over a run.
 */
import type { Client } from '@temporalio/client';
import { backgroundWorkflows } from '../domain/workflow-types.ts';
import type { RunSummary } from './run-summary.ts';

const started = new Set<string>();

export function noteStarted(workflowId: string): void {
  started.add(workflowId);
}

export async function openHere(client: Client): Promise<RunSummary[]> {
  const open: RunSummary[] = [];
  const seen = new Set<string>();
  const look = async (workflowId: string): Promise<void> => {
    if (seen.has(workflowId)) return;
    seen.add(workflowId);
    const handle = client.workflow.getHandle(workflowId);
    const { status, type, startTime } = await handle.describe();
    if (status.name === 'RUNNING') {
      open.push({ workflowId, type, status: status.name, startedAt: startTime.toISOString() });
      return;
    }
    const { events } = await handle.fetchHistory();
    for (const { childWorkflowExecutionStartedEventAttributes: child } of events ?? []) {
      const isBackground = backgroundWorkflows.some((each) => each === child?.workflowType?.name);
      const id = child?.workflowExecution?.workflowId ?? '';
      if (id !== '' && !isBackground) await look(id);
    }
  };
  for (const workflowId of started) await look(workflowId);
  return open;
}
