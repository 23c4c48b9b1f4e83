/** A row written for one backup: a restore that brings it back reached at least the state of its start. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { LifeboatError } from '../../../domain/errors.ts';
import type { Session } from '../server/connection.ts';
import type { SealedFacts } from '../facts.ts';
import { readTable, type Unreadable } from './read-table.ts';

/** Lifeboat's own schema in the probed database: left out of fingerprints, for every backup changes it. */
export const tokenSchema = 'lifeboat';
export const tokenTable = `${tokenSchema}.backup_token`;

/** Every attempt of a capture leaves a row. So many stay, for a person who looks; a restore needs its own only. */
const keptTokens = 100;

export type Token = NonNullable<SealedFacts['token']>;

/** What a role needs to write tokens. */
export function grantToken(role: string, database: string): string {
  const name = pg.escapeIdentifier(role);
  return `GRANT CREATE ON DATABASE ${pg.escapeIdentifier(database)} TO ${name};`;
}

/** The same where another role made the table. */
export function grantTokenTable(role: string): string {
  const name = pg.escapeIdentifier(role);
  return `GRANT USAGE ON SCHEMA ${tokenSchema} TO ${name}; GRANT SELECT, INSERT, DELETE ON ${tokenTable} TO ${name};`;
}

/**
 * Writes a token, making schema and table when they are missing, and deletes all but the newest. Two attempts of one
 * backup write two rows. Where that fails, the answer says why instead: a backup without a token is still a backup.
 */
export async function writeToken(session: Session, backupId: string): Promise<Token | { readonly problem: string }> {
  const token = { backupId, value: randomBytes(16).toString('hex') };
  try {
    if (!(await hasTable(session))) await createTable(session);
    const owner = await foreignOwner(session);
    if (owner !== undefined) return { problem: `no token row: \`${tokenTable}\` belongs to \`${owner}\`` };
    await session.rows((await mayPrune(session)) ? insertAndPrune : insert, [token.backupId, token.value]);
    return token;
  } catch (error) {
    if (!(error instanceof LifeboatError) || error.code === 'EngineUnavailable') throw error;
    return { problem: `no token row: ${error.message}` };
  }
}

/** Within a snapshot. */
export async function hasToken(session: Session, token: Token): Promise<boolean | Unreadable> {
  if (!(await hasTable(session))) return false;
  return readTable(session, tokenTable, async () => {
    const rows = await session.rows(`SELECT 1 AS found FROM ${tokenTable} WHERE backup_id = $1 AND token = $2`, [
      token.backupId,
      token.value,
    ]);
    return rows.length > 0;
  });
}

const insert = `INSERT INTO ${tokenTable} (backup_id, token) VALUES ($1, $2)`;

/** One statement, so one transaction. The row that it writes is not seen by its own DELETE. */
const insertAndPrune = `WITH written AS (${insert})
  DELETE FROM ${tokenTable} WHERE (backup_id, token) IN (
    SELECT backup_id, token FROM ${tokenTable} ORDER BY written_at DESC OFFSET ${keptTokens - 1})`;

/** A role that was given INSERT alone writes its token all the same. */
async function mayPrune(session: Session): Promise<boolean> {
  const row = await session.row(`SELECT has_table_privilege('${tokenTable}', 'DELETE')::text AS may`);
  return row['may'] === 'true';
}

/** A view has no file: to read one would run what its owner wrote. */
async function hasTable(session: Session): Promise<boolean> {
  const row = await session.row(
    `SELECT (pg_relation_filenode(to_regclass('${tokenTable}')) IS NOT NULL)::text AS found`,
  );
  return row['found'] === 'true';
}

/**
 * The owner of schema or table, where it is neither the session's role nor a superuser: triggers and defaults of such a table would
 * run with our rights. Nobody else can exchange what belongs to those.
 */
export async function foreignOwner(session: Session): Promise<string | undefined> {
  const [found] = await session.rows(
    `SELECT r.rolname AS owner FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'backup_token'
       JOIN pg_roles r ON r.oid IN (n.nspowner, c.relowner)
      WHERE n.nspname = '${tokenSchema}' AND NOT r.rolsuper AND r.rolname <> current_user`,
  );
  return found?.['owner'] ?? undefined;
}

/** Schema and table, where they are missing. */
export const makeToken = [
  `CREATE SCHEMA IF NOT EXISTS ${tokenSchema}`,
  `CREATE TABLE IF NOT EXISTS ${tokenTable} (backup_id text NOT NULL, token text NOT NULL, written_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (backup_id, token))`,
];

async function createTable(session: Session): Promise<void> {
  for (const statement of makeToken) await session.rows(statement);
}
