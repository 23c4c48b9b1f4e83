/**
 * The physical slot that keeps WAL on the server until it is archived. It is also the mutex of archivers: the server
 * lets one at a time stream from it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../../../domain/errors.ts';
import { refusedHint } from '../../../domain/refused-access.ts';
import { parseLsn } from '../../../domain/lsn.ts';
import type { Session } from '../server/connection.ts';
import { freeForWal } from './free-for-wal.ts';
import { sqlState } from '../server/failures.ts';

/** Ours begin with this, where the configuration does not name another. */
export const slotPrefix = 'lifeboat_';

export interface Slot {
  readonly restartLsn: bigint;
  /** It was not there, or the server had given up on it: what it kept may be gone. */
  readonly isNew: boolean;
}

export interface SlotFacts {
  readonly restartLsn: bigint | undefined;
  readonly isActive: boolean;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string;
  /** WAL that the slot holds back on the server, bytes. */
  readonly heldBytes: number;
}

export async function readSlot(session: Session, slot: string): Promise<SlotFacts | undefined> {
  const [row] = await session.rows(
    `SELECT restart_lsn::text AS restart, active::text AS active, coalesce(wal_status, '') AS status,
            coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::text AS held
       FROM pg_replication_slots WHERE slot_name = '${slot}'`,
  );
  if (row === undefined) return undefined;
  const restart = row['restart'];
  return {
    restartLsn: restart == null ? undefined : parseLsn(restart),
    isActive: row['active'] === 'true',
    walStatus: row['status'] ?? '',
    heldBytes: Number(row['held']),
  };
}

/**
 * Finds or makes the slot. Precondition where the server would keep WAL for it without a limit and without a guard: a
 * repository that stays away would fill the disk that the database writes to.
 */
export async function ensureSlot(session: Session, config: PostgresConfig): Promise<Slot> {
  const { id: component } = config;
  const { slot, slotGuard } = config.wal;
  const { keep } = await session.row(`SELECT current_setting('max_slot_wal_keep_size') AS keep`);
  if (keep === '-1' && slotGuard === undefined) {
    throw new LifeboatError(
      'Precondition',
      'max_slot_wal_keep_size is -1: a slot could fill the disk of the database',
      {
        component,
        hint: unlimitedHint,
      },
    );
  }
  if (keep === '-1') await requireSight(config);
  const found = await readSlot(session, slot);
  if (found?.restartLsn !== undefined && found.walStatus !== 'lost')
    return { restartLsn: found.restartLsn, isNew: false };
  if (found !== undefined) await dropSlot(session, slot, 'alone');
  await session.rows(`SELECT pg_create_physical_replication_slot('${slot}', true)`);
  const made = await readSlot(session, slot);
  if (made?.restartLsn === undefined)
    throw new LifeboatError('EngineFailed', `the server made slot ${slot} without a position`, { component });
  return { restartLsn: made.restartLsn, isNew: true };
}

/** A guard that cannot see the disk guards nothing. */
async function requireSight(config: PostgresConfig): Promise<void> {
  try {
    await freeForWal(config);
  } catch (error) {
    throw new LifeboatError(
      'Precondition',
      `the slot guard cannot look at the disk of \`${config.dataDirectory}/pg_wal\`: ${error instanceof Error ? error.message : String(error)}`,
      {
        component: config.id,
        hint: `${refusedHint(sqlState(error), process.getuid?.())}; or set a limit: ${unlimitedHint}`,
      },
    );
  }
}

export const unlimitedHint = `run as a superuser: ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf(); or accept \`wal.slotGuard\``;

/** A streamer that was ended holds it for a moment more. */
const dropTries = 100;
const objectInUse = '55006';

/** EngineFailed where somebody streams from it, unless that one is to end too. */
export async function dropSlot(session: Session, slot: string, how: 'alone' | 'with its streamer'): Promise<void> {
  for (let more = how === 'alone' ? 0 : dropTries; ; more -= 1) {
    if (how === 'with its streamer')
      await session.rows(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${slot}' AND active`,
      );
    try {
      await session.rows(`SELECT pg_drop_replication_slot('${slot}')`);
      return;
    } catch (error) {
      if (more === 0 || !isLifeboatError(error) || error.details['sqlState'] !== objectInUse) throw error;
      await delay(100);
    }
  }
}
