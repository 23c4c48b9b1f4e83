/** Where the configuration says otherwise than the server runs: its next start, after a restore too, is another one. */
import { isLifeboatError } from '../../domain/errors.ts';
import type { Session } from './connection.ts';

/** Names of settings that a restart would change. */
export async function readPending(session: Session): Promise<string[]> {
  const rows = await session.rows('SELECT name FROM pg_settings WHERE pending_restart ORDER BY name');
  return rows.map((row) => row['name'] ?? '');
}

/** Lines with which the server would not start again; none where the role may not look. */
export async function readBrokenLines(session: Session): Promise<string[]> {
  const broken: string[] = [];
  for (const [view, file, line] of [
    ['pg_file_settings', 'sourcefile', 'sourceline'],
    // Before PostgreSQL 16 it does not say of which file.
    ['pg_hba_file_rules', "'pg_hba.conf'", 'line_number'],
  ]) {
    try {
      const rows = await session.rows(`SELECT ${file} AS file, ${line}::text AS line, error FROM ${view}
        WHERE error IS NOT NULL AND error <> 'setting could not be applied'`);
      broken.push(...rows.map((row) => `${row['file']} line ${row['line']}: ${row['error']}`));
    } catch (error) {
      if (!isLifeboatError(error, 'PermissionDenied')) throw error;
    }
  }
  return broken;
}
