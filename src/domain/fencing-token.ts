/** Orders overlapping attempts: later lock start wins, then run id equality is required, then the higher attempt. */
export interface FencingToken {
  /** ISO 8601 UTC start of the appliance lock. */
  readonly lockStart: string;
  readonly runId: string;
  readonly attempt: number;
}
