/**
 * Writes a run's evidence. What the run came to does not change when that fails: its repository may be the very thing
 * that is gone, full or locked, and then people must hear of the run all the same, and of the missing evidence.
 */
import { workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { JsonValue } from '../../src/domain/recovery-point.ts';
import { evidence } from '../proxies.ts';
import { failureText } from './failure.ts';
import { notify } from './notification.ts';

export async function writeEvidence(
  { name, host }: ApplianceView,
  report: Readonly<Record<string, JsonValue>>,
): Promise<void> {
  const { workflowId, runId, workflowType } = workflowInfo();
  try {
    await evidence(host, { id: 'write:evidence', summary: 'write the evidence' }).writeReport({
      type: workflowType,
      id: workflowId,
      report: { workflowId, runId, ...report },
    });
  } catch (error) {
    await notify(name, {
      topic: 'evidence',
      severity: 'warning',
      text: `The evidence of ${workflowId} could not be written: ${failureText(error)}`,
    });
  }
}
