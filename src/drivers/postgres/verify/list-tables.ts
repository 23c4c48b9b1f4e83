/** The tables of a database, with their names as the database stores them: its encoding may know characters that UTF-8 has not. */
import { isAscii, isUtf8 } from 'node:buffer';
import { LifeboatError } from '../../../domain/errors.ts';
import type { Session } from '../server/connection.ts';
import { isUntranslatable } from './fingerprint.ts';
import { tokenSchema } from './token.ts';

export interface TableInfo {
  readonly oid: string;
  readonly table: string;
  readonly isUnlogged: boolean;
  /** Why the role cannot measure it; undefined where it can. */
  readonly hidden: Hidden | undefined;
}

export type Hidden =
  'the role may not read it' | 'row-level security hides rows of it from the role' | 'its name is no text';

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

/** The text of a name in the database's encoding; undefined for bytes that stand for nothing there, or for nothing in UTF-8. */
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

/** For people: `public."caf\xe9"`. Statements cannot name such a thing. */
export function escaped(name: Buffer): string {
  return name
    .toString('latin1')
    .replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function hiddenBy(isReadable: boolean, isFiltered: boolean): Hidden | undefined {
  if (!isReadable) return 'the role may not read it';
  return isFiltered ? 'row-level security hides rows of it from the role' : undefined;
}
