/**
 * Delivers one message, trying until it is delivered. A child of its own (abandoned by its parent), because a run that
 * waited for a dead webhook would hold back the next scheduled one.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ChildWorkflowCancellationType, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { Given, NotificationInput } from '../messages.ts';
import { delivery } from '../proxies.ts';
import { inputTexts } from './texts.ts';

export async function notification(...given: Given<NotificationInput>): Promise<void> {
  const { text = '' } = inputTexts('notification', given);
  if (text === '') return;
  await delivery({ summary: text.slice(0, 100) }).deliver({ text });
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
