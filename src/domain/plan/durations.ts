/** How long the steps of earlier restores took, in place of estimates made beforehand. Pure. */

export interface PastRun {
  readonly steps: readonly { readonly id: string; readonly seconds: number }[];
}

export interface StepDuration {
  readonly medianSeconds: number;
  /** Nine of ten runs took no longer. */
  readonly p90Seconds: number;
}

/** From so many runs on their own durations count for more than what anybody assumed. */
export const enoughRuns = 3;

/** By step id; only for steps that enough runs have done. */
export function stepDurations(runs: readonly PastRun[]): ReadonlyMap<string, StepDuration> {
  const seconds = new Map<string, number[]>();
  for (const step of runs.flatMap(({ steps }) => steps))
    seconds.set(step.id, [...(seconds.get(step.id) ?? []), step.seconds]);
  return new Map(
    [...seconds]
      .filter(([, values]) => values.length >= enoughRuns)
      .map(([id, values]) => [id, { medianSeconds: quantile(values, 0.5), p90Seconds: quantile(values, 0.9) }]),
  );
}

/** The smallest value that at least this share of all values does not exceed (nearest rank). */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
