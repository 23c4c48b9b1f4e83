/** `lifeboat backups hold|release|recall|forget`: what keeps a recovery point, brings it back, or gives it up. */
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { lostOf } from '../../operations/recovery-points/lost.ts';
import { layout } from '../../repository/layout.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Parts } from '../../../workers/parts.ts';
import { withParts } from '../context.ts';
import { commandOf, type GlobalOptions } from '../globals.ts';
import { defaultColumns } from '../output/redraw.ts';
import { print, say } from '../output/speak.ts';
import { wrap } from '../output/wrap.ts';
import { requestedBy } from '../requested-by.ts';

export async function backupsHold(
  globals: GlobalOptions,
  id: string,
  { reason }: { readonly reason: string },
): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open();
    const { timestamp } = await repository.findManifest(id);
    await repository.hold({ backupId: timestamp, by: requestedBy(), reason });
    print(wrap(`${timestamp} is held: retention keeps it and what it needs, everywhere`, defaultColumns, '  '));
    say(`until \`${commandOf(globals, `backups release ${timestamp}`)}\``);
  });
}

/** Also where the copies were told of it. */
export async function backupsRelease(globals: GlobalOptions, id: string): Promise<void> {
  await withParts(globals, async ({ appliance, repository: open }) => {
    const repository = await open();
    const held = (await repository.listHolds()).find(({ backupId }) => backupId === id);
    if (held === undefined) throw new LifeboatError('NotFound', `\`${id}\` is not held`);
    // The repository last: until then the command can be said again.
    for (const { name } of appliance.locations) await (await open(repository.id, name)).releaseHold(id);
    await repository.releaseHold(id);
    print(
      wrap(
        `${id} is released; held by ${held.by} since ${held.at.slice(0, 16)}Z: ${held.reason}`,
        defaultColumns,
        '  ',
      ),
    );
  });
}

/** Within the grace of collection, or what a copy still holds. */
export async function backupsRecall(
  globals: GlobalOptions,
  id: string,
  { from }: { readonly from?: string },
): Promise<void> {
  await withParts(globals, async (parts) => {
    const repository = await parts.repository(undefined, from);
    await recall(parts, repository, id, from === undefined);
    print(`recovery point ${id} is back`);
    say(`retention would remove it again: \`${commandOf(globals, `backups hold ${id} --reason '…'`)}\``);
  });
}

/** From its tombstone; for the repository itself also from a copy that holds it. */
async function recall(
  { appliance, storage }: Parts,
  repository: Repository,
  id: string,
  isOwn: boolean,
): Promise<void> {
  const copies: Storage[] = [];
  for (const { name } of isOwn ? appliance.locations : []) {
    try {
      const copy = await storage(name);
      // One that does not answer must not keep the others from being asked.
      await copy.stat(layout.repository);
      copies.push(copy);
    } catch (error) {
      if (!isLifeboatError(error)) throw error;
      say(`warning: location ${name} was not asked: ${error.message}`);
    }
  }
  await repository.unexpire(id, requestedBy(), copies);
}

export async function backupsForget(
  globals: GlobalOptions,
  id: string,
  { reason }: { readonly reason: string },
): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open();
    const known = await repository.listManifests();
    const lost = await lostOf(repository, { reports: 'all' });
    if (![...known, ...lost].some(({ timestamp }) => timestamp === id))
      throw new LifeboatError('NotFound', `nothing tells of a recovery point \`${id}\``);
    await repository.giveUp(id, requestedBy(), reason);
    print(wrap(`recovery point ${id} is given up: its loss is told no more`, defaultColumns, '  '));
  });
}
