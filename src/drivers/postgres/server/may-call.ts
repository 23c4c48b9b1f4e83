/** Whether a function may be called, asked before it is: a refusal stands in the server's log as an error. */
import pg from 'pg';
import type { Session } from './connection.ts';

/** `signature` as PostgreSQL writes it: `pg_ls_dir(text)`. False also where the server has no such function. */
export async function mayCall(session: Session, signature: string): Promise<boolean> {
  const text = pg.escapeLiteral(`pg_catalog.${signature}`);
  const [row] = await session.rows(
    `SELECT coalesce(has_function_privilege(to_regprocedure(${text}), 'EXECUTE'), false)::text AS may`,
  );
  return row?.['may'] === 'true';
}
