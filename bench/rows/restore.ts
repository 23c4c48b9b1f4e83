/** A full restore into empty folders: fetch, verify, make durable. Warm as it lies in the page cache, and cold. */
import { timed, type Bench } from '../bench.ts';
import { chill } from '../cold-cache.ts';
import { stageLifeboat } from '../lifeboat/lifeboat.ts';

export async function measureRestore(bench: Bench, point: string): Promise<void> {
  const { data, peers } = bench;
  const stage = async (row: string): Promise<number> => {
    const { seconds, parts } = await stageLifeboat(data, point);
    for (const [part, value] of Object.entries(parts)) bench.record.add(`${row}/lifeboat ${part}`, value);
    return seconds;
  };
  const { documents, pgbackrest, restic } = peers;
  if (documents !== undefined) await timed(bench, 'restore-warm/documents', async () => documents.restore());
  const restores = [
    { who: 'lifeboat', repository: data.appliance.repository.path, restore: stage },
    ...(pgbackrest === undefined
      ? []
      : [{ who: 'pgbackrest', repository: pgbackrest.repository, restore: async () => pgbackrest.restore() }]),
    ...(restic === undefined
      ? []
      : [{ who: 'restic', repository: restic.repository, restore: async () => restic.restore() }]),
  ];
  for (const { who, restore } of restores)
    await timed(bench, `restore-warm/${who}`, async () => restore('restore-warm'));
  for (const { who, repository, restore } of restores) {
    if (await chill(repository)) await timed(bench, `restore-cold/${who}`, async () => restore('restore-cold'));
    else bench.say(`restore-cold/${who}: this machine cannot empty its page cache, not measured`);
  }
}
