/** What `doctor` says of the slots that keep WAL on the server: their limit, ours, and those that nobody drains any more. */
import type { PostgresConfig, SlotGuard } from '../../../domain/appliance.ts';
import { formatBytes } from '../../../domain/duration.ts';
import type { Session } from '../server/connection.ts';
import { freeForWal } from './free-for-wal.ts';
import { readSlot, slotPrefix, unlimitedHint } from './slot.ts';
import { refusedHint } from '../../../domain/refused-access.ts';
import type { Finding } from '../../../domain/finding.ts';

export async function checkSlots(session: Session, config: PostgresConfig): Promise<Finding[]> {
  const { archive, slot } = config.wal;
  return [
    ...(archive ? [await limitFinding(session, config), ...(await slotFinding(session, slot))] : []),
    ...(await orphanFindings(session, config.id, archive ? slot : '')),
  ];
}

async function limitFinding(session: Session, config: PostgresConfig): Promise<Finding> {
  const { keep = '' } = await session.row(`SELECT current_setting('max_slot_wal_keep_size') AS keep`);
  if (keep !== '-1')
    return { name: 'max_slot_wal_keep_size', level: 'ok', text: `${keep} at most wait for the archive` };
  if (config.wal.slotGuard !== undefined) return guardFinding(config, config.wal.slotGuard);
  return {
    name: 'max_slot_wal_keep_size',
    level: 'fail',
    text: '-1: a repository that stays away would fill the disk of the database; nothing is archived',
    hint: unlimitedHint,
  };
}

async function guardFinding(config: PostgresConfig, guard: SlotGuard): Promise<Finding> {
  const name = 'slot guard';
  const free = await freeForWal(config).catch(() => undefined);
  if (free === undefined)
    return {
      name,
      level: 'fail',
      text: `it cannot look at the disk of \`${config.dataDirectory}/pg_wal\`; nothing is archived`,
      hint: refusedHint('EACCES', process.getuid?.()),
    };
  const text = `${formatBytes(free)} are free for WAL; below ${formatBytes(guard.freeBelowBytes)} the slot is dropped, where it holds more than ${formatBytes(guard.heldAboveBytes)}`;
  if (free >= guard.freeBelowBytes) return { name, level: 'ok', text };
  return { name, level: 'warn', text, hint: `make room on the disk of \`${config.dataDirectory}\`` };
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
        hint: 'raise max_slot_wal_keep_size, or repair what kept the archive away: `lifeboat now`',
      },
    ];
  return [{ name, level: 'ok', text: `${formatBytes(heldBytes)} wait for the archive` }];
}

/** An appliance or a component that was renamed leaves one behind. */
async function orphanFindings(session: Session, component: string, own: string): Promise<Finding[]> {
  const rows = await session.rows(
    `SELECT slot_name AS name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::text AS held
       FROM pg_replication_slots
      WHERE starts_with(slot_name, '${slotPrefix}') AND slot_name <> '${own}' AND NOT active AND NOT temporary
      ORDER BY slot_name`,
  );
  return rows.map(({ name = '', held }): Finding => ({
    name: `slot ${name}`,
    level: 'warn',
    text: `nobody drains it, and ${formatBytes(Math.max(0, Number(held)))} of WAL are kept for it`,
    hint: `if no other Lifeboat uses it: \`lifeboat postgres detach ${component} --slot ${name}\``,
  }));
}
