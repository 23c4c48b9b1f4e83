/** Takes a replication slot of ours from the server, so that it keeps no more WAL for it. */
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { DetachedSlot, DriverEnvironment } from '../../driver.ts';
import { addressOf, openServerSession } from '../server/connection.ts';
import { dropSlot, readSlot, slotPrefix } from './slot.ts';

/** Without a name the component's own. InputInvalid for one that is not ours, Precondition while it is in use, NotFound. */
export async function detachSlot(
  config: PostgresConfig,
  environment: DriverEnvironment,
  slot: string = config.wal.slot,
): Promise<DetachedSlot> {
  const { id, wal } = config;
  if (slot !== wal.slot && !new RegExp(`^${slotPrefix}[a-z0-9_]+$`).test(slot))
    throw new LifeboatError(
      'InputInvalid',
      `slot \`${slot}\` is not one of Lifeboat's: those begin with ${slotPrefix}`,
      {
        component: id,
        hint: '`lifeboat doctor` lists those that nobody drains',
      },
    );
  if (slot === wal.slot && wal.archive)
    throw new LifeboatError('Precondition', `${id} is archived through slot ${slot}: it would be made again`, {
      component: id,
      hint: 'first write `wal: { archive: false }` for it, and start the worker again; no moment between two backups can be restored then',
    });
  const session = await openServerSession(config, await addressOf(config, environment));
  try {
    const facts = await readSlot(session, slot);
    if (facts === undefined)
      throw new LifeboatError('NotFound', `the server has no slot ${slot}`, {
        component: id,
        hint: 'nothing is kept for it; `lifeboat doctor` lists those that nobody drains',
      });
    if (facts.isActive)
      throw new LifeboatError('Precondition', `somebody streams from slot ${slot} now`, {
        component: id,
        hint: 'stop the worker that archives by it',
      });
    await dropSlot(session, slot, 'alone');
    return { slot, heldBytes: facts.heldBytes };
  } finally {
    await session.end();
  }
}
