/** What `doctor` says of the slots that keep WAL on the server: their limit, ours, and those that nobody drains any more. */
import type { WalConfig } from '../../../domain/appliance.ts';
import { formatBytes } from '../../../domain/duration.ts';
import type { Finding } from '../../driver.ts';
import type { Session } from '../connection.ts';
import { readSlot } from './slot.ts';

/** Ours begin with this; an appliance or a component that was renamed leaves one behind. */
const prefix = 'lifeboat_';

export async function checkSlots(session: Session, { archive, slot }: WalConfig): Promise<Finding[]> {
  return [
    ...(archive ? [await limitFinding(session), ...(await slotFinding(session, slot))] : []),
    ...(await orphanFindings(session, archive ? slot : '')),
  ];
}

async function limitFinding(session: Session): Promise<Finding> {
  const { keep = '' } = await session.row(`SELECT current_setting('max_slot_wal_keep_size') AS keep`);
  if (keep !== '-1')
    return { name: 'max_slot_wal_keep_size', level: 'ok', text: `${keep} at most wait for the archive` };
  return {
    name: 'max_slot_wal_keep_size',
    level: 'fail',
    text: '-1: a repository that stays away would fill the disk of the database; nothing is archived',
    hint: `run as a superuser: ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf();`,
  };
}

/** No slot yet is no finding: the first archiving makes it. */
async function slotFinding(session: Session, slot: string): Promise<Finding[]> {
  const facts = await readSlot(session, slot);
  if (facts === undefined) return [];
  const { walStatus, heldBytes } = facts;
  const name = `slot ${slot}`;
  if (walStatus === 'lost' || walStatus === 'unreserved')
    return [
      {
        name,
        level: 'warn',
        text: `${walStatus}: the server gives up what it kept; a new base is made by itself`,
        hint: 'raise max_slot_wal_keep_size, or mend what kept the archive away: `lifeboat now`',
      },
    ];
  return [{ name, level: 'ok', text: `${formatBytes(heldBytes)} wait for the archive` }];
}

async function orphanFindings(session: Session, own: string): Promise<Finding[]> {
  const rows = await session.rows(
    `SELECT slot_name AS name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::text AS held
       FROM pg_replication_slots
      WHERE starts_with(slot_name, '${prefix}') AND slot_name <> '${own}' AND NOT active AND NOT temporary
      ORDER BY slot_name`,
  );
  return rows.map(({ name = '', held }): Finding => ({
    name: `slot ${name}`,
    level: 'warn',
    text: `nobody drains it, and ${formatBytes(Math.max(0, Number(held)))} of WAL are kept for it`,
    hint: `if no other Lifeboat uses it: SELECT pg_drop_replication_slot('${name}');`,
  }));
}
