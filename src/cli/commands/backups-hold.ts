/** `lifeboat backups hold|release|recall`: what keeps a recovery point, or brings it back. */
import { LifeboatError } from '../../domain/errors.ts';
import { withParts } from '../context.ts';
import { commandOf, type GlobalOptions } from '../globals.ts';
import { usualColumns } from '../output/redraw.ts';
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
    print(wrap(`${timestamp} is held: retention keeps it and what it needs, everywhere`, usualColumns, '  '));
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
      wrap(`${id} is released; held by ${held.by} since ${held.at.slice(0, 16)}Z: ${held.reason}`, usualColumns, '  '),
    );
  });
}

/** Within the grace of collection. */
export async function backupsRecall(
  globals: GlobalOptions,
  id: string,
  { from }: { readonly from?: string },
): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open(undefined, from);
    await repository.unexpire(id, requestedBy());
    print(`recovery point ${id} is back`);
    say(`retention would remove it again: \`${commandOf(globals, `backups hold ${id} --reason '…'`)}\``);
  });
}
