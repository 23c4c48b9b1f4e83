/** Reads a table within a snapshot. What goes wrong with one table is an answer, and the snapshot goes on to the next. */
import pg from 'pg';
import { LifeboatError } from '../../../domain/errors.ts';
import { notCompared } from '../../../domain/probes.ts';
import type { ProbeResult } from '../../../domain/recovery-point.ts';
import type { Session } from '../server/connection.ts';

export interface Unreadable {
  /** A reason: dropped, locked, not permitted. */
  readonly problem: string;
  /** Who keeps it locked, where that is the reason. A prepared transaction is part of what a server recovers. */
  readonly lockedBy?: 'prepared transaction' | 'session';
  /** What the server called it. */
  readonly sqlState?: string;
}

const lockNotAvailable = '55P03';
/** Tables are often locked together: after one that was waited for as long as a session waits, others are asked for briefly. */
const laterPatienceMs = 200;

/** Also where all went well: its locks go with it. One held for each table would fill the server's table of locks. */
const leaveTable = 'ROLLBACK TO SAVEPOINT lifeboat_table; RELEASE SAVEPOINT lifeboat_table';

export interface HeldTable {
  readonly oid: string;
  readonly bytes: number;
}

/** Calls `read` with the table's oid and size, which stay what they are until `read` has ended. Then nothing holds it any more. */
export async function readTable<T>(
  session: Session,
  table: string,
  read: (held: HeldTable) => Promise<T>,
): Promise<T | Unreadable> {
  await session.rows('SAVEPOINT lifeboat_table');
  try {
    const result = await read(await holdTable(session, table));
    await session.rows(leaveTable);
    return result;
  } catch (error) {
    if (!(error instanceof LifeboatError) || error.code === 'EngineUnavailable') throw error;
    await session.rows(leaveTable);
    const { sqlState } = error.details;
    if (sqlState !== lockNotAvailable) return { problem: error.message, ...(isText(sqlState) ? { sqlState } : {}) };
    await session.rows(`SET LOCAL lock_timeout = ${laterPatienceMs}`);
    return holderOf(session, table);
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** The probe of a table that cannot be read: failed, unless the recovered state itself holds the lock. */
export function unreadable(
  probe: Pick<ProbeResult, 'component' | 'name' | 'expected'>,
  { problem, lockedBy }: Unreadable,
): ProbeResult {
  return lockedBy === 'prepared transaction' ? notCompared(probe, problem) : { ...probe, actual: problem, ok: false };
}

/**
 * Keeps the table from being dropped or exchanged while it is read, and makes sure that it is one. A view of the
 * same name would run functions of its owner with our rights; PostgreSQL 15 makes a table a view by a rule. PREPARE takes
 * the lock without planning anything, also of a materialized view, which LOCK TABLE refuses.
 */
async function holdTable(session: Session, table: string): Promise<HeldTable> {
  await session.rows(`PREPARE lifeboat_table AS SELECT FROM ONLY ${table}; DEALLOCATE lifeboat_table`);
  // What the snapshot shows may be out of date; which file a relation has, the server answers as it is now.
  const [found] = await session.rows(
    `SELECT oid::text AS oid, pg_table_size(oid)::text AS bytes FROM pg_class
      WHERE oid = to_regclass(${pg.escapeLiteral(table)}) AND relkind IN ('r', 'm') AND pg_relation_filenode(oid) IS NOT NULL`,
  );
  if (found === undefined) throw new LifeboatError('EngineFailed', 'it was dropped or exchanged meanwhile');
  return { oid: found['oid'] ?? '', bytes: Number(found['bytes']) };
}

/** Who has the lock, or waits for it before us. A prepared transaction is told by the lock on its own number. */
async function holderOf(session: Session, table: string): Promise<Unreadable> {
  const [holder] = await session.rows(
    `SELECT p.gid, a.pid::text AS pid, a.usename AS role, a.application_name AS application
       FROM pg_locks l
       LEFT JOIN pg_locks t ON l.pid IS NULL AND t.pid IS NULL AND t.virtualtransaction = l.virtualtransaction
                           AND t.locktype = 'transactionid'
       LEFT JOIN pg_prepared_xacts p ON p.transaction = t.transactionid
       LEFT JOIN pg_stat_activity a ON a.pid = l.pid
      WHERE l.relation = to_regclass(${pg.escapeLiteral(table)}) AND l.mode = 'AccessExclusiveLock'
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      ORDER BY l.granted DESC, p.gid LIMIT 1`,
  );
  if (holder === undefined) return { problem: 'locked by another session', lockedBy: 'session' };
  const { gid, pid, role, application } = holder;
  if (gid != null)
    return { problem: `locked by the prepared transaction \`${gid}\``, lockedBy: 'prepared transaction' };
  const who = [`pid ${pid}`, ...(role ? [`role \`${role}\``] : []), ...(application ? [`\`${application}\``] : [])];
  return { problem: `locked by another session (${who.join(', ')})`, lockedBy: 'session' };
}
