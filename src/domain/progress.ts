/** What a long operation tells while it runs: small enough for a heartbeat. */
export interface ProgressState {
  readonly phase: string;
  readonly bytesDone: number;
  /** 0 while unknown. */
  readonly bytesTotal: number;
  readonly note?: string;
}

export type ReportProgress = (state: ProgressState) => void;
