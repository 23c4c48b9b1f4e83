/** Where the configuration says otherwise than the server runs: its next start, after a restore too, is another one. */
import { isLifeboatError } from '../../../domain/errors.ts';
import type { Session } from './connection.ts';
import { mayCall } from './may-call.ts';

/** Names of settings that a restart would change. */
export async function readPending(session: Session): Promise<string[]> {
  const rows = await session.rows('SELECT name FROM pg_settings WHERE pending_restart ORDER BY name');
  return rows.map((row) => row['name'] ?? '');
}

/**
 * Errors in files and rules, as the server would read them now. Settings that only a restart takes up say so as an error, in
 * the server's language: `readPending` names them.
 */
const brokenLines = [
  {
    needs: ['pg_show_all_file_settings()', 'pg_show_all_settings()'],
    query: `SELECT f.sourcefile AS file, f.sourceline::text AS line, f.error FROM pg_file_settings f LEFT JOIN pg_settings s USING (name)
    WHERE f.error IS NOT NULL AND s.context IS DISTINCT FROM 'postmaster'`,
  },
  {
    needs: ['pg_hba_file_rules()'],
    // Before PostgreSQL 16 it does not say of which file.
    query: `SELECT 'pg_hba.conf' AS file, line_number::text AS line, error FROM pg_hba_file_rules WHERE error IS NOT NULL`,
  },
];

/** Lines with which the server would not start again; none where the role may not look. */
export async function readBrokenLines(session: Session): Promise<string[]> {
  const broken: string[] = [];
  for (const { needs, query } of brokenLines) {
    try {
      if (!(await mayCallAll(session, needs))) continue;
      const rows = await session.rows(query);
      broken.push(...rows.map((row) => `${row['file']} line ${row['line']}: ${row['error']}`));
    } catch (error) {
      if (!isLifeboatError(error, 'PermissionDenied')) throw error;
    }
  }
  return broken;
}

async function mayCallAll(session: Session, signatures: readonly string[]): Promise<boolean> {
  for (const signature of signatures) if (!(await mayCall(session, signature))) return false;
  return true;
}
