/** Archiving of a lab's server, for tests. */
import { setTimeout as delay } from 'node:timers/promises';
import { isLifeboatError } from '../../../src/domain/errors.ts';
import { parseLsn } from '../../../src/domain/lsn.ts';
import { coveredRanges } from '../../../src/domain/wal.ts';
import type { WalSession } from '../../../src/drivers/driver.ts';
import type { WalArchive } from '../../../src/repository/repository.ts';
import type { Lab } from './lab.ts';

/** A shift that the test ends itself. */
export function shiftOf(lab: Lab, { durationMs = 60_000, patient = false } = {}) {
  const control = new AbortController();
  const stopping = new AbortController();
  const archive = async (): Promise<WalSession> => {
    try {
      return await lab.driver.archiveWal!({
        repository: lab.repository,
        durationMs,
        stopping: stopping.signal,
        onProgress: () => {},
        signal: control.signal,
      });
    } catch (error) {
      const isHeld = isLifeboatError(error, 'EngineUnavailable') && error.message.includes('is still held');
      if (!patient || !isHeld) throw error;
      await delay(200, undefined, { signal: control.signal });
      return archive();
    }
  };
  const running = archive();
  running.catch(() => undefined);
  return { running, abort: () => control.abort(), stop: () => stopping.abort() };
}

/**
 * As `shiftOf`; the first shift on a new slot is short, and is over when it returns. As the workflow does, it tries again
 * while the server still keeps the slot for the first one.
 */
export async function archivingOf(lab: Lab) {
  await shift(lab, 1000);
  return shiftOf(lab, { patient: true });
}

export async function shift(lab: Lab, durationMs: number): Promise<WalSession> {
  return shiftOf(lab, { durationMs }).running;
}

/** A shift that goes on until something holds, which a short one on a busy machine may end before. */
export async function shiftUntil(lab: Lab, condition: () => Promise<boolean>): Promise<WalSession> {
  const { running, stop } = shiftOf(lab, { durationMs: 150_000 });
  await Promise.race([until(condition), running]);
  stop();
  return running;
}

/** A shift that goes on until the archive covers what the server has written. */
export async function shiftPast(lab: Lab): Promise<WalSession> {
  const [archive, end] = [await archiveOf(lab), await flushed(lab)];
  const { rows } = await lab.sql('SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline');
  const timeline = Number.parseInt((rows[0] as { timeline: string }).timeline, 16);
  return shiftUntil(
    lab,
    async () => (coveredRanges((await archive.list()).pieces, timeline).at(-1)?.endLsn ?? 0n) >= end,
  );
}

export async function archiveOf(lab: Lab): Promise<WalArchive> {
  const { rows } = await lab.sql('SELECT system_identifier::text AS id FROM pg_control_system()');
  const systemId = (rows[0] as { id: string }).id;
  return lab.repository.wal({ component: 'postgres', systemId, segmentBytes: 16 * 1024 * 1024 });
}

export async function flushed(lab: Lab): Promise<bigint> {
  const { rows } = await lab.sql('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return parseLsn((rows[0] as { lsn: string }).lsn);
}

export async function write(lab: Lab, rows: number): Promise<bigint> {
  await lab.sql(`INSERT INTO messages SELECT g + (SELECT max(id) FROM messages), repeat(md5(g::text), 20)
                   FROM generate_series(1, ${rows}) g`);
  return flushed(lab);
}

export async function until(condition: () => Promise<boolean>, ms = 120_000): Promise<void> {
  for (const end = Date.now() + ms; !(await condition()); await delay(50))
    if (Date.now() > end) throw new Error('did not become true in time');
}
