/**
 * Fingerprints of tables: what a probe compares. Taken in one snapshot, tables one by one, in three depths by size.
 *
 * - `content`: count and hash of all rows. The hash is over the sorted hashes of the rows, so that it does not depend
 *   on where rows lie.
 * - `count`: count of all rows, and the hash of the rows in the first blocks.
 * - `sample`: only the hash of the rows in the first blocks. A count would read terabytes.
 */
import type { Session } from '../server/connection.ts';
import { isEarlier, type Transactions } from './passed-over.ts';
import { readTable, type Unreadable } from './read-table.ts';
import { fixSettings, textSettings } from './text-settings.ts';
import type { TableExpectation, TextSettings, Depth } from '../facts.ts';

export interface TableState {
  /** Quoted and with its schema: `public.messages`. */
  readonly table: string;
  readonly oid: string;
  readonly depth: Depth;
  /** Decimal text; null where rows were not counted. */
  readonly rows: string | null;
  readonly hash: string;
}

/** A count costs a scan: up to this many times `fingerprintUpTo` (4 GiB by default) it takes a few seconds. */
const countUpToFactor = 64;

/** What is hashed of a table at once. */
export interface Limits {
  readonly bytes: number;
  /** Default 4,000,000: the hashes of all rows lie in the server's memory, 32 bytes each, and its longest text is 1 GB. */
  readonly rows?: number;
}

const defaultRows = 4_000_000;

/** A row cannot take less of a table. */
const smallestRowBytes = 28;

/** 8 MiB of a table, read by a range of tuple ids. */
const firstBlocks = `lifeboat_row.ctid < '(1024,0)'`;

/** All rows or an error: with the security of rows on, a role would be shown some of them and count those. */
const allRows = 'SET LOCAL row_security = off';

export function depthOf(bytes: number, fingerprintUpTo: number): Depth {
  if (bytes <= fingerprintUpTo) return 'content';
  return bytes <= fingerprintUpTo * countUpToFactor ? 'count' : 'sample';
}

export interface Snapshot {
  /** Oldest transaction that still ran, and the first of those that ended later than all that it shows. */
  readonly xmin: string;
  readonly xmax: string;
  /** Those between them that still ran, also prepared ones, without their subtransactions. */
  readonly running: readonly string[];
  /** Whether any transaction had a number: one with the number `xmax` may run although `xmin` is the same. */
  readonly isWriting: boolean;
}

/** Begins the transaction whose snapshot all following measures share, under the settings of a capture or today's. */
export async function beginSnapshot(session: Session, settings: TextSettings = textSettings): Promise<Snapshot> {
  await session.rows(`BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; ${allRows}`);
  await fixSettings(session, settings);
  return readSnapshot(session);
}

export async function readSnapshot(session: Session): Promise<Snapshot> {
  const row = await session.row(
    `SELECT pg_snapshot_xmin(s)::text AS xmin, pg_snapshot_xmax(s)::text AS xmax,
            (SELECT string_agg(xid::text, ' ') FROM pg_snapshot_xip(s) AS xid) AS running,
            EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND granted)::text AS writing
       FROM pg_current_snapshot() s`,
  );
  return {
    xmin: row['xmin'] ?? '',
    xmax: row['xmax'] ?? '',
    running: row['running']?.split(' ') ?? [],
    isWriting: row['writing'] === 'true',
  };
}

/**
 * True if nothing in the whole server can have changed between two snapshots: nobody was writing at the first, and
 * until the second no transaction id was given out. Every change of a row needs one. One that still has one at the second may be
 * in the log as committed: where a synchronous standby is missed, others are not shown that.
 */
export function isUnchanged(before: Snapshot, after: Snapshot): boolean {
  const isStill = before.xmax === after.xmax && !after.isWriting;
  return isStill && before.xmin === before.xmax && after.xmin === after.xmax;
}

/**
 * Within a snapshot, in a depth that is known or follows from the table's size: all rows, or without those of transactions that
 * are passed over. The answer is a reason where the table cannot be read. Rows are hashed as the session would receive them: in
 * UTF-8, or, where a row of the table cannot be told so, all of them as they are stored.
 */
export async function measure(
  session: Session,
  table: string,
  wanted: Depth | Limits,
  passedOver?: readonly Transactions[],
): Promise<TableState | Unreadable> {
  const state = await measureRows(session, table, wanted, passedOver);
  if ('problem' in state && isTooMuch(state) && typeof wanted !== 'string')
    return measure(session, table, 'count', passedOver);
  if (!('problem' in state) || !isUntranslatable(state)) return state;
  await session.rows(`SET LOCAL client_encoding = 'SQL_ASCII'`);
  const asStored = await measureRows(session, table, wanted, passedOver);
  await session.rows(`SET LOCAL client_encoding = 'UTF8'`);
  return asStored;
}

/** Bytes that the database's encoding does not know, or that UTF-8 has no character for. */
export function isUntranslatable({ sqlState }: { readonly sqlState?: unknown }): boolean {
  return sqlState === '22021' || sqlState === '22P05';
}

/** More temporary files, memory or text than the server gives. */
function isTooMuch({ sqlState }: Unreadable): boolean {
  return ['53400', '53200', '54000'].includes(sqlState ?? '');
}

async function measureRows(
  session: Session,
  table: string,
  wanted: Depth | Limits,
  passedOver?: readonly Transactions[],
): Promise<TableState | Unreadable> {
  const isWanted = passedOver === undefined ? 'true' : isEarlier('lifeboat_row.xmin', passedOver);
  return readTable(session, table, async ({ oid, bytes }) => {
    const count = async () => countRows(session, table, isWanted);
    const { depth, counted } =
      typeof wanted === 'string' ? { depth: wanted } : await withinLimits(bytes, wanted, count);
    const hashed = await hashRows(session, table, depth === 'content' ? isWanted : `${isWanted} AND ${firstBlocks}`);
    const rows = depth === 'content' ? hashed.rows : depth === 'count' ? (counted ?? (await count())) : null;
    return { table, oid, depth, rows, hash: hashed.hash };
  });
}

/**
 * How many of these rows nobody has deleted, changed or locked, or begun to. Whatever an open transaction does, they were there
 * until now.
 */
export async function countUntouched(
  session: Session,
  table: string,
  passedOver: readonly Transactions[],
): Promise<{ readonly rows: string } | Unreadable> {
  const isUntouched = `${isEarlier('lifeboat_row.xmin', passedOver)} AND lifeboat_row.xmax = '0'`;
  return readTable(session, table, async () => ({ rows: await countRows(session, table, isUntouched) }));
}

/** The depth by size; where there may be too many rows they are counted, and that is enough then. */
async function withinLimits(
  bytes: number,
  { bytes: most, rows = defaultRows }: Limits,
  count: () => Promise<string>,
): Promise<{ readonly depth: Depth; readonly counted?: string }> {
  const depth = depthOf(bytes, most);
  if (depth !== 'content' || bytes <= rows * smallestRowBytes) return { depth };
  const counted = await count();
  return Number(counted) > rows ? { depth: 'count', counted } : { depth };
}

async function countRows(session: Session, table: string, isWanted: string): Promise<string> {
  const row = await session.row(`SELECT count(*)::text AS rows FROM ONLY ${table} AS lifeboat_row WHERE ${isWanted}`);
  return row['rows'] ?? '0';
}

/**
 * As `row::text`, but without casts of the application, which may show less than is there and run its functions. The star
 * stands for the row also where a column is named like it.
 */
const rowText = 'textin(record_out(lifeboat_row.*))';

/** Without `OFFSET` newer servers would sort the rows themselves together with their hashes, in files as large as the table. */
async function hashRows(session: Session, table: string, isWanted: string): Promise<{ rows: string; hash: string }> {
  const row = await session.row(
    `SELECT count(*)::text AS rows,
            encode(sha256(coalesce(string_agg(h, ''::bytea ORDER BY h), ''::bytea)), 'hex') AS hash
       FROM (SELECT sha256(textsend(${rowText})) AS h FROM ONLY ${table} AS lifeboat_row WHERE ${isWanted} OFFSET 0) each`,
  );
  return { rows: row['rows'] ?? '0', hash: row['hash'] ?? '' };
}

/** The expectation for a table that nobody writes: exactly this state. */
export function exactly({ table, depth, rows, hash }: TableState): TableExpectation {
  return { table, depth, leastRows: rows, mostRows: rows, hash };
}
