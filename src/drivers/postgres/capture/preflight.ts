/** What must hold before a base backup begins, asked over the session that will run it. */
import pg from 'pg';
import { LifeboatError } from '../../../domain/errors.ts';
import type { Session } from '../server/connection.ts';
import type { Hidden } from '../verify/list-tables.ts';

/** Majors whose replication protocol and data directory this driver knows. */
export const supportedMajors = { oldest: 15, newest: 18 } as const;

export interface ServerIdentity {
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly major: number;
}

/** Throws VersionMismatch or Precondition with the exact remedy. The session must be a replication session. */
export async function preflight(session: Session, component: string): Promise<ServerIdentity> {
  const system = await session.row('IDENTIFY_SYSTEM');
  const server = await session.row(
    `SELECT current_setting('server_version_num') AS version, current_setting('wal_level') AS wal_level,
            current_setting('max_wal_senders') AS senders, current_setting('max_replication_slots') AS slots,
            pg_is_in_recovery()::text AS standby`,
  );
  const major = Math.floor(Number(server['version']) / 10_000);
  const problem = findProblem(server, major);
  if (problem !== undefined) {
    throw new LifeboatError(problem.code, problem.text, { component, hint: problem.hint });
  }
  return { systemIdentifier: system['systemid'] ?? '', timeline: Number(system['timeline']), major };
}

export interface Problem {
  readonly code: 'VersionMismatch' | 'Precondition';
  readonly text: string;
  readonly hint: string;
}

/** The first thing that forbids a base backup; undefined where nothing does. */
function findProblem(server: Readonly<Record<string, string | null>>, major: number): Problem | undefined {
  const { oldest, newest } = supportedMajors;
  const restart = 'then restart the server';
  if (major < oldest || major > newest) {
    return {
      code: 'VersionMismatch',
      text: `the server is PostgreSQL ${major}, known are ${oldest} to ${newest}`,
      hint: `back up with a Lifeboat that knows PostgreSQL ${major}`,
    };
  }
  const precondition = (text: string, hint: string) => ({ code: 'Precondition' as const, text, hint });
  if (server['standby'] === 'true') {
    return precondition(
      'the server is a standby',
      'configure the primary: a backup token cannot be written to a standby',
    );
  }
  if (server['wal_level'] === 'minimal') {
    return precondition('wal_level is `minimal`', `run: ALTER SYSTEM SET wal_level = 'replica'; ${restart}`);
  }
  if (Number(server['senders']) < 1) {
    return precondition('max_wal_senders is 0', `run: ALTER SYSTEM SET max_wal_senders = 10; ${restart}`);
  }
  if (Number(server['slots']) < 1) {
    return precondition('max_replication_slots is 0', `run: ALTER SYSTEM SET max_replication_slots = 10; ${restart}`);
  }
  return undefined;
}

/** How tables that are hidden from a role can be measured. */
export function hintForHidden(role: string, hidden: Hidden): string {
  const name = pg.escapeIdentifier(role);
  const run = 'run as a superuser:';
  switch (hidden) {
    case 'the role may not read it':
      return `${run} GRANT pg_read_all_data TO ${name};`;
    case 'row-level security hides rows of it from the role':
      return `${run} ALTER ROLE ${name} BYPASSRLS;`;
    case 'its name is no text':
      return 'give it a name in UTF-8; its rows are backed up all the same';
  }
}

/** The statement that gives a role the right to read the settings that name paths. */
export function grantSettings(role: string): string {
  return `GRANT pg_read_all_settings TO ${pg.escapeIdentifier(role)};`;
}
