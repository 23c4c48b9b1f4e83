/** The second full backup after 2 % of the rows changed, against an incremental one and restic's second. */
import { timed, type Bench } from '../bench.ts';
import { updateKinds, updateRows } from '../data/updates.ts';
import { backUpLifeboat } from '../lifeboat/lifeboat.ts';

export async function measureSecondBackup(bench: Bench): Promise<void> {
  const { data, peers } = bench;
  const { pgbackrest, restic } = peers;
  for (const kind of updateKinds) {
    const rows = await updateRows(data, kind);
    bench.say(`${rows} rows updated (${kind})`);
    await timed(bench, `second-${kind}/lifeboat`, async () => {
      const { seconds, storedBytes, parts } = await backUpLifeboat(data);
      bench.record.add(`bytes/second-${kind}-stored`, storedBytes);
      for (const [part, value] of Object.entries(parts)) bench.record.add(`second-${kind}/lifeboat ${part}`, value);
      return seconds;
    });
    if (pgbackrest !== undefined)
      await timed(bench, `second-${kind}/pgbackrest`, async () => pgbackrest.backup('incr'));
    if (restic !== undefined) await timed(bench, `second-${kind}/restic`, async () => restic.backup());
  }
}
