/**
 * What is certain of a table that may have changed while the server was copied. A row that had been written before a
 * snapshot can go after it, but never come back: an update writes another one. So the rows from before the first snapshot
 * that the second one still shows, which is taken after the copy's end, are in the copy; and where both show the same ones,
 * the copy has exactly these. Neither statistics nor the server's clock take part.
 */
import { setTimeout } from 'node:timers/promises';
import type { Session } from '../server/connection.ts';
import type { TableState } from './fingerprint.ts';
import type { TableExpectation } from '../facts.ts';

/**
 * Two measures of the same rows; the first may have counted others too. `untouched` is how many of the second no open transaction
 * can have taken, where there are such. Undefined where they contradict that.
 */
export function earlierExpectation(
  before: TableState,
  after: TableState,
  { untouched, isTextSure }: { readonly untouched?: string | undefined; readonly isTextSure: boolean },
): TableExpectation | undefined {
  const { table, depth } = before;
  const isSame = before.hash === after.hash && (depth !== 'content' || before.rows === after.rows);
  const hash = isSame && isTextSure && (untouched ?? after.rows) === after.rows ? before.hash : null;
  if (before.rows === null || after.rows === null) return { table, depth, leastRows: null, mostRows: null, hash };
  if (BigInt(after.rows) > BigInt(before.rows)) return undefined;
  return { table, depth, leastRows: untouched ?? after.rows, mostRows: before.rows, hash };
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
