/**
 * The transactions whose rows are passed over, so that those that are left are the ones which the first snapshot shows.
 * What had ended before that snapshot, it shows. A snapshot names what runs without the subtransactions, which have numbers of
 * their own in their rows; the server tells of each number whether it has ended. So it is asked first, and the snapshot taken then.
 */
import type { Session } from '../server/connection.ts';
import { readSnapshot, type Snapshot } from './fingerprint.ts';
import type { Transactions } from './passed-over.ts';

/** What the server said of the transactions before the first snapshot. */
export interface Unsettled {
  /** The numbers from here on were asked about, up to the one where new ones began. */
  readonly askedFrom: bigint;
  readonly begunFrom: bigint;
  /** Those of them that had not ended, and their subtransactions. */
  readonly running: readonly Transactions[];
}

const usual = {
  /** Eight million are asked about in three seconds. Only beside a transaction that is that much older are there more. */
  asked: 2n ** 23n,
  /** So many are kept: one transaction may have a million subtransactions. The nearest ones become one range then. */
  ranges: 500,
};

/** Outside of a transaction: each look must be one of now. */
export async function readUnsettled(session: Session, most = usual): Promise<Unsettled> {
  const { xmin, xmax } = await readSnapshot(session);
  const [oldest, begunFrom] = [BigInt(xmin), BigInt(xmax)];
  const askedFrom = begunFrom - oldest > most.asked ? begunFrom - most.asked : oldest;
  if (askedFrom === begunFrom) return { askedFrom, begunFrom, running: [] };
  const { first, gaps, end } = await session.row(
    `WITH asked AS (SELECT generate_series($1::bigint, $2::bigint - 1) AS xid),
          running AS MATERIALIZED (
            SELECT xid, lag(xid) OVER (ORDER BY xid) AS previous FROM asked
             WHERE coalesce(pg_xact_status(xid::text::xid8), '') NOT IN ('committed', 'aborted')),
          gaps AS (SELECT previous, xid FROM running WHERE xid > previous + 1 ORDER BY xid - previous DESC LIMIT $3)
     SELECT min(xid)::text AS first, (max(xid) + 1)::text AS end,
            (SELECT string_agg(format('%s %s', previous + 1, xid), ' ' ORDER BY xid) FROM gaps) AS gaps
       FROM running`,
    [`${askedFrom}`, `${begunFrom}`, most.ranges - 1],
  );
  if (first == null || end == null) return { askedFrom, begunFrom, running: [] };
  const ends = [first, ...(gaps == null ? [] : gaps.split(' ')), end];
  const running = ends.flatMap((from, at): Transactions[] => (at % 2 === 0 ? [[from, ends[at + 1]!]] : []));
  return { askedFrom, begunFrom, running };
}

/** What both measures of a capture pass over, as far as it is known at the first. */
export interface Border {
  readonly running: readonly Transactions[];
  /** From here on every number is passed over. */
  readonly begunFrom: bigint;
  /** Transactions of which the subtransactions are not known, and up to where these may be. */
  readonly unknown: { readonly of: readonly string[]; readonly until: bigint } | undefined;
}

/** With the first snapshot. Pure, as all that follows. */
export function borderOf(unsettled: Unsettled, { xmin, xmax, running }: Snapshot): Border {
  if (xmin === xmax) return { running: [], begunFrom: BigInt(xmax), unknown: undefined };
  const { askedFrom, begunFrom } = unsettled;
  const older = running.filter((xid) => BigInt(xid) < askedFrom);
  return {
    running: [...unsettled.running, ...older.map((xid): Transactions => [xid, `${BigInt(xid) + 1n}`])],
    begunFrom,
    unknown: older.length === 0 ? undefined : { of: older, until: askedFrom },
  };
}

/**
 * New transactions are passed over up to a number that a backup hardly reaches, and what comes after a restore stays below it
 * too. Not more: on a server that has seen four billion transactions, old rows lie there.
 */
const room = 2n ** 20n;

export function passedOverFirst({ running, begunFrom }: Border): Transactions[] {
  return [...running, [`${begunFrom}`, `${begunFrom + room}`]];
}

/** With the second snapshot: nothing less than at the first measure. */
export function passedOverThen({ running, begunFrom, unknown }: Border, after: Snapshot): Transactions[] {
  const ended = unknown?.of.filter((xid) => !after.running.includes(xid)) ?? [];
  const oldest = ended.reduce<bigint | undefined>((least, xid) => {
    const number = BigInt(xid);
    return least === undefined || number < least ? number : least;
  }, undefined);
  const now = BigInt(after.xmax);
  const until = now - begunFrom <= room / 2n ? begunFrom + room : now + room;
  return [
    ...running,
    ...(unknown === undefined || oldest === undefined ? [] : [[`${oldest}`, `${unknown.until}`] as const]),
    [`${begunFrom}`, `${until}`],
  ];
}

/** Whether rows that were written since can be told from those of before. */
export function canBeTold({ begunFrom }: Border, after: Snapshot): boolean {
  return BigInt(after.xmax) - begunFrom < 2n ** 31n;
}
