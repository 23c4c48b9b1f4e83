/**
 * The guard of a server that keeps WAL for us without a limit: where its disk has too little room left and our slot
 * holds much of what is gone, the slot is dropped. The database lives; the moments since are lost until a new base.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { formatBytes } from '../../../domain/duration.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { DriverEnvironment } from '../../driver.ts';
import { addressOf, openServerSession } from '../server/connection.ts';
import { freeForWal } from './free-for-wal.ts';
import { dropSlot, readSlot } from './slot.ts';

const lookMs = 10_000;

/**
 * NoSpace, not thrown, where the slot was dropped; undefined where there is no guard, or nothing to do. Asks the server
 * only where room lacks.
 */
export async function guardSlot(
  config: PostgresConfig,
  environment: DriverEnvironment,
): Promise<LifeboatError | undefined> {
  const { slot, slotGuard } = config.wal;
  if (slotGuard === undefined) return undefined;
  // Where it cannot be looked at, `ensureSlot` has refused, or there is no data.
  const free = await freeForWal(config).catch(() => Number.POSITIVE_INFINITY);
  if (free >= slotGuard.freeBelowBytes) return undefined;
  const session = await openServerSession(config, await addressOf(config, environment));
  try {
    const facts = await readSlot(session, slot);
    if (facts === undefined || facts.heldBytes <= slotGuard.heldAboveBytes) return undefined;
    await dropSlot(session, slot, 'with its streamer');
    return new LifeboatError(
      'NoSpace',
      `slot ${slot} was dropped: ${formatBytes(free)} were free on the disk of the database, and ${formatBytes(facts.heldBytes)} waited there for the archive`,
      {
        component: config.id,
        hint: 'repair what kept the archive away (`lifeboat now`); archiving goes on with a new slot, and a new base is made by itself',
      },
    );
  } finally {
    await session.end();
  }
}

/** Looks as long as somebody streams. `settled` gives the failure that stands for the stream's own, where it was ended. */
export function guardWhile(config: PostgresConfig, environment: DriverEnvironment) {
  const over = new AbortController();
  let dropped: LifeboatError | undefined;
  const look = async (): Promise<void> => {
    while (dropped === undefined && config.wal.slotGuard !== undefined) {
      await delay(lookMs, undefined, { signal: over.signal });
      // What it cannot ask ends the stream as well, with a better word.
      dropped = await guardSlot(config, environment).catch(() => undefined);
    }
  };
  const looking = look().catch(() => undefined);
  return {
    async settled(): Promise<LifeboatError | undefined> {
      over.abort();
      await looking;
      return dropped;
    },
  };
}
