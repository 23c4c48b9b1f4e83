/** Sums of the RTO and RPO clocks. A clock observes: it marks and notifies, it never ends a run. */

export interface ClockMark {
  readonly percent: 50 | 80 | 100;
  /** Seconds after the clock's begin. */
  readonly atSeconds: number;
}

/** The marks of an objective, in order. */
export function clockMarks(objectiveSeconds: number): readonly ClockMark[] {
  return ([50, 80, 100] as const).map((percent) => ({ percent, atSeconds: (objectiveSeconds * percent) / 100 }));
}
