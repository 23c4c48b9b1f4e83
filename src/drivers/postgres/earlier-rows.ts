/**
 * What is certain of a table that may have changed while the server was copied. A row that had been written before a
 * snapshot can go after it, but never come back: an update writes another one. So the rows from before the first snapshot
 * that the second one still shows, which is taken after the copy's end, are in the copy; and where both show the same ones,
 * the copy has exactly these. Neither statistics nor the server's clock take part.
 */
import { setTimeout } from 'node:timers/promises';
import type { Session } from './connection.ts';
import type { Snapshot, TableExpectation, TableState } from './fingerprint.ts';
import { referringTypes, withTypesMadeOf } from './types-made-of.ts';

/** A row tells its transaction by the last 32 bits of the number: of so many that follow one it is known that they do. */
const tellableTransactions = 2 ** 30;
const allTransactions = 2 ** 32;

/**
 * The condition by which a row (by its `xmin`) was not written by the transaction `xid` (64 bits, decimal) or a later one.
 * The numbers 1 and 2 are the server's for what is older than all. Of a server that has seen more than three billion
 * transactions some of the oldest rows are passed over, at each measure the same ones.
 */
export function isEarlier(xmin: string, xid: string): string {
  const shift = allTransactions - Number(BigInt(xid) % BigInt(allTransactions));
  const number = `${xmin}::text::bigint`;
  return `(${number} < 3 OR (${number} + ${shift}) % ${allTransactions} >= ${tellableTransactions})`;
}

/** Whether the rows that were written since can be told from those of before. */
export function canBeTold(before: Snapshot, after: Snapshot): boolean {
  return BigInt(after.xmax) - BigInt(before.xmin) < BigInt(tellableTransactions);
}

/** Two measures of the rows from before `xid`; the first may have counted others too. Undefined where they contradict that. */
export function earlierExpectation(before: TableState, after: TableState): TableExpectation | undefined {
  const { table, depth } = before;
  const hash = before.hash === after.hash && (depth !== 'content' || before.rows === after.rows) ? before.hash : null;
  if (before.rows === null || after.rows === null) return { table, depth, leastRows: null, mostRows: null, hash };
  if (BigInt(after.rows) > BigInt(before.rows)) return undefined;
  return { table, depth, leastRows: after.rows, mostRows: before.rows, hash };
}

/**
 * Of these tables (by oid) those that are the same relation under the same name as before `xid`, with the same columns, and
 * with texts that depend on nothing which was defined anew since. Asked within the second snapshot: a change that was taken
 * back leaves a new row in the catalogue.
 */
export async function unaltered(session: Session, oids: readonly string[], xid: string): Promise<Set<string>> {
  const isNew = (xmin: string): string => `NOT ${isEarlier(xmin, xid)}`;
  const rows = await session.rows(
    `${withTypesMadeOf(`
       SELECT enumtypid FROM pg_enum WHERE ${isNew('xmin')}
       UNION SELECT c.reltype FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
              WHERE c.reltype <> 0 AND (${isNew('c.xmin')} OR ${isNew('a.xmin')})
       UNION SELECT oid FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typname = ANY ($2::text[])`)}
     SELECT c.oid::text AS oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = ANY ($1::oid[]) AND ${isEarlier('c.xmin', xid)} AND ${isEarlier('n.xmin', xid)}
        AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                           AND (${isNew('a.xmin')} OR a.atttypid IN (SELECT oid FROM affected)))`,
    [oids, referringTypes],
  );
  return new Set(rows.map(({ oid }) => oid ?? ''));
}

/** Writers are most often done within milliseconds. */
const settlePollMs = 50;
const settleLimitMs = 1000;

/** So begins the number of one that was prepared: it waits for a person. */
const prepared = '-1/';

/**
 * After the copy's end: waits briefly for those that write now, and answers with the tables (by oid) of those that still do.
 * One of them may have committed before the copy's end and yet be shown as running: a commit is in the log first, and where
 * a synchronous standby is missed it stays so.
 */
export async function settle(session: Session, signal: AbortSignal): Promise<Set<string>> {
  let left = await findWriters(session);
  const isMoving = () => [...left.keys()].some((transaction) => !transaction.startsWith(prepared));
  for (const limit = performance.now() + settleLimitMs; isMoving() && performance.now() < limit;) {
    await setTimeout(settlePollMs, undefined, { signal });
    const now = await findWriters(session);
    left = new Map([...left].filter(([transaction]) => now.has(transaction)));
  }
  return new Set([...left.values()].flat());
}

/** Transactions that have a lock which a writer needs, with the oids of what they lock. One that was prepared has it too. */
async function findWriters(session: Session): Promise<Map<string, string[]>> {
  const rows = await session.rows(
    `SELECT virtualtransaction AS transaction, string_agg(relation::text, ' ') AS oids FROM pg_locks
      WHERE locktype = 'relation' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      GROUP BY 1`,
  );
  return new Map(rows.map(({ transaction, oids }) => [transaction ?? '', (oids ?? '').split(' ')]));
}
