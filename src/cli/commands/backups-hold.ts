/** `lifeboat backups hold|release|recall|forget`: what keeps a recovery point, brings it back, or gives it up. */
import { giveUpPoint, holdPoint, recallPoint, releasePoint } from '../../operations/recovery-points/keep.ts';
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
    const timestamp = await holdPoint(await open(), id, requestedBy(), reason);
    print(wrap(`${timestamp} is held: retention keeps it and what it needs, everywhere`, defaultColumns, '  '));
    say(`until \`${commandOf(globals, `backups release ${timestamp}`)}\``);
  });
}

/** Also where the copies were told of it. */
export async function backupsRelease(globals: GlobalOptions, id: string): Promise<void> {
  await withParts(globals, async ({ appliance, repository: open }) => {
    const repository = await open();
    const copies = appliance.locations.map(
      ({ name }) =>
        async () =>
          open(repository.id, name),
    );
    const held = await releasePoint(repository, copies, id);
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
  await withParts(globals, async ({ appliance, storage, repository: open }) => {
    await recallPoint({
      repository: await open(undefined, from),
      id,
      by: requestedBy(),
      locations: (from === undefined ? appliance.locations : []).map(({ name }) => ({
        name,
        open: async () => storage(name),
      })),
      onWarning: (text) => say(`warning: ${text}`),
    });
    print(`recovery point ${id} is back`);
    say(`retention would remove it again: \`${commandOf(globals, `backups hold ${id} --reason '…'`)}\``);
  });
}

export async function backupsForget(
  globals: GlobalOptions,
  id: string,
  { reason }: { readonly reason: string },
): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    await giveUpPoint(await open(), id, requestedBy(), reason);
    print(wrap(`recovery point ${id} is given up: its loss is told no more`, defaultColumns, '  '));
  });
}
