/** One run in a list. */

export interface RunSummary {
  readonly workflowId: string;
  readonly type: string;
  readonly status: string;
  readonly startedAt: string;
}
