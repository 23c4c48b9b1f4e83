/**
 * Delivers one message, trying until it is delivered. A child of its own (abandoned by its parent), because a run that
 * waited for a dead webhook would hold back the next scheduled one.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ChildWorkflowCancellationType, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { NotificationInput } from './messages.ts';
import { delivery } from './proxies.ts';

export async function notification(input: NotificationInput = {}): Promise<void> {
  if (input.text === undefined || input.text === '') return;
  await delivery({ summary: input.text.slice(0, 100) }).deliver({ text: input.text });
}

/** Hands a message over for delivery. The id follows from run and text, so that a repeated call delivers once. */
export async function notify(topic: string, text: string): Promise<void> {
  try {
    await startChild(notification, {
      workflowId: `notification/${workflowInfo().workflowId}/${workflowInfo().runId}/${topic}`,
      args: [{ text }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: text.slice(0, 200),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
