/** How a cost grows with a size: its slope, its constant part, what each further unit costs, and the verdict. Pure. */

export interface Sample {
  readonly size: number;
  readonly cost: number;
}

export interface Growth {
  /**
   * log(ratio of costs) / log(ratio of sizes) between the two largest sizes: 0 is constant, 1 linear, 2 quadratic. Between
   * smaller ones the constant part hides it.
   */
  readonly slope: number;
  /** By least squares of the relative errors; never below 0. */
  readonly fixed: number;
  readonly each: number;
}

/** Undefined of fewer than two sizes. In the order of the sizes. */
export function growthOf(samples: readonly Sample[]): Growth | undefined {
  const [before, last] = samples.slice(-2);
  if (before === undefined || last === undefined) return undefined;
  return { slope: slopeBetween(before, last), ...lineThrough(samples) };
}

function slopeBetween(a: Sample, b: Sample): number {
  if (a.cost === b.cost) return 0;
  return Math.log(b.cost / a.cost) / Math.log(b.size / a.size);
}

/** Weighted by 1/cost², so that the smallest sample says as much as the largest. */
function lineThrough(samples: readonly Sample[]): { readonly fixed: number; readonly each: number } {
  let [weights, sizes, costs, squares, products] = [0, 0, 0, 0, 0];
  for (const { size, cost } of samples) {
    const weight = 1 / Math.max(cost, Number.EPSILON) ** 2;
    weights += weight;
    sizes += weight * size;
    costs += weight * cost;
    squares += weight * size * size;
    products += weight * size * cost;
  }
  const spread = weights * squares - sizes * sizes;
  const each = Math.max(0, (weights * products - sizes * costs) / spread);
  const fixed = (costs - each * sizes) / weights;
  return fixed >= 0 ? { fixed, each } : { fixed: 0, each: products / squares };
}

export const limits = {
  /** Seconds differ from run to run. */
  seconds: 1.2,
  requests: 1.05,
  /** Peak of a process. */
  peakBytes: 450_000_000,
} as const;

export interface Verdict {
  readonly isMet: boolean;
  /** Empty where it is met. */
  readonly reasons: readonly string[];
}

/**
 * `linear in what changed or better`, and bounded memory. Time is missed where both seconds and processor time grow too fast:
 * other work lengthens the one, and waiting for a place shows in its requests.
 */
export function judge(growth: {
  readonly seconds: Growth | undefined;
  readonly cpuSeconds: Growth | undefined;
  readonly requests: Growth | undefined;
  readonly peakBytes: number;
}): Verdict {
  const { seconds, cpuSeconds, requests, peakBytes } = growth;
  const isSlow = [seconds, cpuSeconds].every((each) => (each?.slope ?? 0) > limits.seconds);
  const reasons = [
    ...(seconds === undefined || requests === undefined ? ['too few sizes'] : []),
    ...(isSlow ? ['time'] : []),
    ...((requests?.slope ?? 0) > limits.requests ? ['requests'] : []),
    ...(peakBytes > limits.peakBytes ? ['memory'] : []),
  ];
  return { isMet: reasons.length === 0, reasons };
}
