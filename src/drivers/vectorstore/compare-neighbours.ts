/** Whether two searches give the same neighbours. Pure. */
import type { Neighbours } from './inspect-index.ts';

/** Float arithmetic of another build or CPU may differ in the last digits. */
const relativeTolerance = 1e-4;

export interface Growth {
  /** Vectors when the expected list was made. */
  readonly knownTotal: number;
  /** Whether there are more now. */
  readonly hasGrown: boolean;
}

/**
 * Labels are compared as they are: an index counts its vectors, or keeps ids that the application gave them. What was
 * added since is passed over: where vectors are counted by its label, else because it is none of the expected ones.
 * Equal distances may change places.
 */
export function sameNeighbours(expected: Neighbours, actual: Neighbours, growth: Growth): boolean {
  const isOld = oldLabels(expected, growth);
  const known = actual.labels.flatMap((label, index) =>
    isOld(label) ? [{ label, distance: actual.distances[index] ?? Number.NaN }] : [],
  );
  return expected.labels.every((label, index) => {
    const distance = expected.distances[index] ?? Number.NaN;
    const there = known[index];
    if (there === undefined || !isClose(there.distance, distance)) return false;
    return there.label === label || isTie(expected, index, there.label);
  });
}

function oldLabels({ labels }: Neighbours, { knownTotal, hasGrown }: Growth): (label: number) => boolean {
  if (!hasGrown) return () => true;
  return labels.every((label) => label < knownTotal)
    ? (label) => label < knownTotal
    : (label) => labels.includes(label);
}

function isTie(expected: Neighbours, index: number, label: number): boolean {
  const distance = expected.distances[index] ?? Number.NaN;
  const elsewhere = expected.labels.indexOf(label);
  // Beyond the last place the other half of a tie is not recorded.
  if (elsewhere === -1) return isClose(expected.distances.at(-1) ?? Number.NaN, distance);
  return isClose(expected.distances[elsewhere] ?? Number.NaN, distance);
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= relativeTolerance * Math.max(1, Math.abs(a), Math.abs(b));
}

/** How many of the expected lists the actual ones match, place by place. */
export function compareNeighbourLists(
  expected: readonly Neighbours[],
  actual: readonly Neighbours[],
  growth: Growth,
): number {
  return expected.filter((list, index) => {
    const other = actual[index];
    return other !== undefined && sameNeighbours(list, other, growth);
  }).length;
}
