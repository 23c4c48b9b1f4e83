/**
 * Rows are told by the transaction that wrote them (`xmin`). Those of some transactions are passed over, at every measure the
 * same ones; all others are the rows from before the backup. A row shows only the last 32 bits of the number, and goes on to
 * show them when it is frozen: so it is asked whether it is one of the few, never whether it is older than something. What is
 * whole rounds of the counter older than one of the few is passed over with it. Pure.
 */

/** Numbers of transactions, 64 bits in decimal: the first, and the one after the last. */
export type Transactions = readonly [from: string, until: string];

const round = 2n ** 32n;
/** The counter leaves out the numbers below: by 1 and 2 the server tells what is older than all. */
const lowest = 3n;

/** The condition by which a row (by its `xmin`) is not passed over. */
export function isEarlier(xmin: string, passedOver: readonly Transactions[]): string {
  const ranges = passedOver.flatMap(withinRound).map(([from, until]) => `[${from},${until})`);
  return `(NOT '{${ranges.join(',')}}'::int8multirange @> ${xmin}::text::bigint)`;
}

/** As rows show them: what goes over the end of a round is two ranges. */
function withinRound([first, end]: Transactions): [bigint, bigint][] {
  const [from, until] = [BigInt(first), BigInt(end)];
  const start = from % round;
  const stop = start + (until - from < round ? until - from : round);
  const parts: [bigint, bigint][] = [
    [start, stop < round ? stop : round],
    [0n, stop - round],
  ];
  return parts
    .map(([low, high]): [bigint, bigint] => [low < lowest ? lowest : low, high])
    .filter(([low, high]) => low < high);
}

/** What older versions passed over: a fourth of all numbers, from the oldest transaction that ran at the first snapshot. */
export function passedOverSince(before: string): Transactions[] {
  return [[before, `${BigInt(before) + 2n ** 30n}`]];
}
