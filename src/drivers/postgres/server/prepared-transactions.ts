/** Transactions that were prepared and that nobody ended: they keep their locks through restarts, backups and restores. */
import pg from 'pg';
import { formatDuration } from '../../../domain/duration.ts';
import type { Session } from './connection.ts';
import type { Finding } from '../../../domain/finding.ts';

/** So many are named, the oldest first. */
const namedAtMost = 5;

/** One finding for each, and one for how many more there are. */
export async function findPrepared(session: Session): Promise<Finding[]> {
  const rows = await session.rows(
    `SELECT gid, database, owner, extract(epoch FROM now() - prepared)::bigint::text AS seconds, count(*) OVER ()::text AS all
       FROM pg_prepared_xacts ORDER BY prepared LIMIT ${namedAtMost}`,
  );
  const common = { name: 'prepared transactions', level: 'warn' } as const;
  const findings: Finding[] = rows.map(({ gid, database, owner, seconds }) => {
    const age = formatDuration(Math.max(Number(seconds), 10));
    const text = `\`${gid}\` of \`${owner}\` in database \`${database}\` has waited ${age} for its end: tables that it locks cannot be measured, and a restore brings it back with its locks`;
    const id = pg.escapeLiteral(gid ?? '');
    const hint = `ask whose it is, then run in \`${database}\`: COMMIT PREPARED ${id}; or ROLLBACK PREPARED ${id};`;
    return { ...common, text, hint };
  });
  const more = Number(rows[0]?.['all'] ?? 0) - rows.length;
  if (more > 0) findings.push({ ...common, text: `${more} more`, hint: 'run: SELECT * FROM pg_prepared_xacts;' });
  return findings;
}
