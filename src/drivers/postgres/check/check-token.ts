/** What `doctor` says of the backup token: whether a backup can write it, and what to do where it cannot. */
import pg from 'pg';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import type { Session } from '../server/connection.ts';
import { foreignOwner, grantToken, grantTokenTable, makeToken, tokenSchema, tokenTable } from '../verify/token.ts';
import type { Finding } from '../../../domain/finding.ts';

export const tokenFinding = 'backup token';

export async function checkToken(config: PostgresConfig, session: Session): Promise<Finding> {
  const warn = (text: string, hint: string): Finding => ({ name: tokenFinding, level: 'warn', text, hint });
  const row = await session.row(
    `SELECT (c.oid IS NOT NULL)::text AS made, has_database_privilege(current_database(), 'CREATE')::text AS make,
            (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'INSERT')
              AND has_table_privilege(c.oid, 'SELECT'))::text AS write,
            has_table_privilege(c.oid, 'DELETE')::text AS prune
       FROM (SELECT) AS always LEFT JOIN pg_namespace n ON n.nspname = '${tokenSchema}'
       LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'backup_token'`,
  );
  const owner = await foreignOwner(session);
  if (owner !== undefined)
    return warn(
      `is not written: \`${tokenTable}\` belongs to \`${owner}\`, whose code would run with the rights of \`${config.user}\``,
      `see what is in it, then run as a superuser: DROP SCHEMA ${tokenSchema} CASCADE; the next backup makes it anew`,
    );
  const isMade = row['made'] === 'true';
  const triggers = isMade ? [] : await triggersOnStart(session);
  if (triggers.length > 0) {
    const names = triggers.map(({ name }) => `\`${name}\``).join(', ');
    const text = `may be refused by the event trigger ${names}: of tables that change only rows from before the backup are then proven`;
    return warn(text, `run as a superuser: ${makeBeside(triggers, config.user)}`);
  }
  if (row[isMade ? 'write' : 'make'] !== 'true') {
    const text = 'may not be written: of tables that change only rows from before the backup are proven';
    const grant = isMade ? grantTokenTable(config.user) : grantToken(config.user, config.database);
    return warn(text, `run as a superuser: ${grant}`);
  }
  if (isMade && row['prune'] !== 'true') {
    const text = `may be written, but old rows of \`${tokenTable}\` stay: the role may not delete them`;
    return warn(text, `run as a superuser: ${grantTokenTable(config.user)}`);
  }
  return { name: tokenFinding, level: 'ok', text: 'may be written' };
}

interface StartTrigger {
  readonly name: string;
  readonly isAlways: boolean;
}

/** Enabled event triggers that run before schema or table are made: such are how DDL is forbidden. */
async function triggersOnStart(session: Session): Promise<StartTrigger[]> {
  const rows = await session.rows(
    `SELECT evtname AS name, (evtenabled = 'A')::text AS always FROM pg_event_trigger
      WHERE evtevent = 'ddl_command_start' AND evtenabled IN ('O', 'A')
        AND (evttags IS NULL OR evttags && ARRAY['CREATE SCHEMA', 'CREATE TABLE']) ORDER BY evtname`,
  );
  return rows.map(({ name, always }) => ({ name: name ?? '', isAlways: always === 'true' }));
}

/** Makes schema and table while the triggers are off, in one transaction: nobody else's statements pass meanwhile. */
function makeBeside(triggers: readonly StartTrigger[], role: string): string {
  const alter = ({ name, isAlways }: StartTrigger, isOn: boolean): string =>
    `ALTER EVENT TRIGGER ${pg.escapeIdentifier(name)} ${isOn ? (isAlways ? 'ENABLE ALWAYS' : 'ENABLE') : 'DISABLE'};`;
  return [
    'BEGIN;',
    ...triggers.map((each) => alter(each, false)),
    ...makeToken.map((statement) => `${statement};`),
    grantTokenTable(role),
    ...triggers.map((each) => alter(each, true)),
    'COMMIT;',
  ].join(' ');
}
