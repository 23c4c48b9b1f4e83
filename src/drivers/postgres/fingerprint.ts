/**
 * Fingerprints of tables: what a probe compares. Taken in one snapshot, tables one by one, in three depths by size.
 *
 * - `content`: count and hash of all rows. The hash is over the sorted hashes of the rows, so that it does not depend
 *   on where rows lie.
 * - `count`: count of all rows, and the hash of the rows in the first blocks.
 * - `sample`: only the hash of the rows in the first blocks. A count would read terabytes.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { LifeboatError } from '../../domain/errors.ts';
import type { Session } from './connection.ts';
import { isEarlier } from './earlier-rows.ts';
import { readTable, type Unreadable } from './read-table.ts';
import { fixSettings, textSettings, type TextSettings } from './text-settings.ts';
import { tokenSchema } from './token.ts';

export type Depth = 'content' | 'count' | 'sample';

export interface TableState {
  /** Quoted and with its schema: `public.messages`. */
  readonly table: string;
  readonly oid: string;
  readonly depth: Depth;
  /** Decimal text; null where rows were not counted. */
  readonly rows: string | null;
  readonly hash: string;
}

/** What a restored table must show. `hash` is null where the capture cannot know it. */
export interface TableExpectation {
  readonly table: string;
  readonly depth: Depth;
  readonly leastRows: string | null;
  readonly mostRows: string | null;
  readonly hash: string | null;
}

export interface TableInfo {
  readonly oid: string;
  readonly table: string;
  readonly isUnlogged: boolean;
  /** Why the role cannot measure it; undefined where it can. */
  readonly hidden: Hidden | undefined;
}

export type Hidden =
  'the role may not read it' | 'row-level security hides rows of it from the role' | 'its name is no text';

/** A count costs a scan: up to this many times `fingerprintUpTo` (4 GiB by default) it takes a few seconds. */
const countUpToFactor = 64;
/** 8 MiB of a table, read by a range of tuple ids. */
const firstBlocks = `lifeboat_row.ctid < '(1024,0)'`;

/** All rows or an error: with the security of rows on, a role would be shown some of them and count those. */
const allRows = 'SET LOCAL row_security = off';

/** As `listTables`, outside of a transaction. */
export async function listTablesNow(session: Session): Promise<TableInfo[]> {
  await session.rows('BEGIN READ ONLY');
  try {
    return await listTables(session);
  } finally {
    await session.rows('ROLLBACK').catch(() => undefined);
  }
}

/**
 * Tables of the session's database with rows of their own, without the system's and Lifeboat's. Waits for no lock of them.
 * Within a transaction.
 */
export async function listTables(session: Session): Promise<TableInfo[]> {
  const rows = await session.rows(
    `SELECT c.oid::text AS oid, encode(convert_to(${quotedName}, getdatabaseencoding()), 'hex') AS name,
            current_setting('server_encoding') AS encoding, (c.relpersistence = 'u')::text AS unlogged,
            (has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'))::text AS readable,
            row_security_active(c.oid)::text AS filtered
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relispopulated
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', '${tokenSchema}') AND n.nspname !~ '^pg_'
      ORDER BY n.nspname, c.relname`,
  );
  const tables: TableInfo[] = [];
  for (const { oid, name, encoding, unlogged, readable, filtered } of rows) {
    const stored = Buffer.from(name ?? '', 'hex');
    const text = await textOf(session, oid ?? '', stored, encoding ?? '');
    tables.push({
      oid: oid ?? '',
      table: text ?? escaped(stored),
      isUnlogged: unlogged === 'true',
      hidden: text === undefined ? 'its name is no text' : hiddenBy(readable === 'true', filtered === 'true'),
    });
  }
  return tables;
}

const quotedName = `format('%I.%I', n.nspname, c.relname)`;

/** Of a name in the database's encoding; undefined for bytes that stand for nothing there, or for nothing in UTF-8. */
async function textOf(session: Session, oid: string, stored: Buffer, encoding: string): Promise<string | undefined> {
  if (encoding === 'UTF8' || encoding === 'SQL_ASCII' || isAscii(stored))
    return isUtf8(stored) ? stored.toString('utf8') : undefined;
  await session.rows('SAVEPOINT lifeboat_name');
  try {
    const row = await session.row(
      `SELECT encode(convert_to(${quotedName}, 'UTF8'), 'hex') AS name
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid`,
      [oid],
    );
    return Buffer.from(row['name'] ?? '', 'hex').toString('utf8');
  } catch (error) {
    if (error instanceof LifeboatError && isUntranslatable(error.details)) return undefined;
    throw error;
  } finally {
    await session.rows('ROLLBACK TO SAVEPOINT lifeboat_name; RELEASE SAVEPOINT lifeboat_name').catch(() => undefined);
  }
}

/** For people: `public."caf\xe9"`. Statements cannot name such a table. */
function escaped(name: Buffer): string {
  return name
    .toString('latin1')
    .replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function hiddenBy(isReadable: boolean, isFiltered: boolean): Hidden | undefined {
  if (!isReadable) return 'the role may not read it';
  return isFiltered ? 'row-level security hides rows of it from the role' : undefined;
}

export function depthOf(bytes: number, fingerprintUpTo: number): Depth {
  if (bytes <= fingerprintUpTo) return 'content';
  return bytes <= fingerprintUpTo * countUpToFactor ? 'count' : 'sample';
}

export interface Snapshot {
  /** Oldest transaction that still ran, and the next that will begin. */
  readonly xmin: string;
  readonly xmax: string;
}

/** Begins the transaction whose snapshot all following measures share, under the settings of a capture or today's. */
export async function beginSnapshot(session: Session, settings: TextSettings = textSettings): Promise<Snapshot> {
  await session.rows(`BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; ${allRows}`);
  await fixSettings(session, settings);
  return readSnapshot(session);
}

export async function readSnapshot(session: Session): Promise<Snapshot> {
  const row = await session.row(
    `SELECT pg_snapshot_xmin(s)::text AS xmin, pg_snapshot_xmax(s)::text AS xmax FROM pg_current_snapshot() s`,
  );
  return { xmin: row['xmin'] ?? '', xmax: row['xmax'] ?? '' };
}

/**
 * True if nothing in the whole server can have changed between two snapshots: nobody was writing at the first, and
 * until the second no transaction id was given out. Every change of a row needs one.
 */
export function isUnchanged(before: Snapshot, after: Snapshot): boolean {
  return before.xmin === before.xmax && before.xmax === after.xmax && after.xmin === after.xmax;
}

/**
 * Within a snapshot, in a depth that is known or follows from the table's size: all rows, or those that were written before
 * the transaction `before`. The answer is a reason where the table cannot be read. Rows are hashed as the session would receive them: in UTF-8, or, where a row of
 * the table cannot be told so, all of them as they are stored.
 */
export async function measure(
  session: Session,
  table: string,
  wanted: Depth | ((bytes: number) => Depth),
  before?: string,
): Promise<TableState | Unreadable> {
  const state = await measureRows(session, table, wanted, before);
  if (!('problem' in state) || !isUntranslatable(state)) return state;
  await session.rows(`SET LOCAL client_encoding = 'SQL_ASCII'`);
  const asStored = await measureRows(session, table, wanted, before);
  await session.rows(`SET LOCAL client_encoding = 'UTF8'`);
  return asStored;
}

/** Bytes that the database's encoding does not know, or that UTF-8 has no character for. */
function isUntranslatable({ sqlState }: { readonly sqlState?: unknown }): boolean {
  return sqlState === '22021' || sqlState === '22P05';
}

async function measureRows(
  session: Session,
  table: string,
  wanted: Depth | ((bytes: number) => Depth),
  before?: string,
): Promise<TableState | Unreadable> {
  const isWanted = before === undefined ? 'true' : isEarlier('lifeboat_row.xmin', before);
  return readTable(session, table, async ({ oid, bytes }) => {
    const depth = typeof wanted === 'function' ? wanted(bytes) : wanted;
    const counted = depth === 'count' ? await countRows(session, table, isWanted) : null;
    const hashed = await hashRows(session, table, depth === 'content' ? isWanted : `${isWanted} AND ${firstBlocks}`);
    return { table, oid, depth, rows: depth === 'content' ? hashed.rows : counted, hash: hashed.hash };
  });
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

async function hashRows(session: Session, table: string, isWanted: string): Promise<{ rows: string; hash: string }> {
  const row = await session.row(
    `SELECT count(*)::text AS rows,
            encode(sha256(coalesce(string_agg(h, ''::bytea ORDER BY h), ''::bytea)), 'hex') AS hash
       FROM (SELECT sha256(textsend(${rowText})) AS h FROM ONLY ${table} AS lifeboat_row WHERE ${isWanted}) each`,
  );
  return { rows: row['rows'] ?? '0', hash: row['hash'] ?? '' };
}

/** Of a table that nobody writes: exactly this. */
export function exactly({ table, depth, rows, hash }: TableState): TableExpectation {
  return { table, depth, leastRows: rows, mostRows: rows, hash };
}
