/** Runs that outlive who starts them. */
import { ChildWorkflowCancellationType, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { childAttributes } from './attributes.ts';

export interface DetachedChild<I> {
  readonly workflowId: string;
  readonly input: I;
  readonly summary: string;
}

/** Not waited for, and left alone when the caller ends or is cancelled. One that runs already is enough. */
export async function startDetachedChild<I>(
  workflow: (input: I) => Promise<unknown>,
  { workflowId, input, summary }: DetachedChild<I>,
): Promise<void> {
  try {
    await startChild(workflow, {
      workflowId,
      args: [input],
      ...childAttributes(workflow.name),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: summary.slice(0, 200),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
