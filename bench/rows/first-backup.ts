/** Every tool's first full backup into an empty repository. Later rows build on what lies there afterwards. */
import { timed, type Bench } from '../bench.ts';
import { backUpLifeboat, initLifeboat } from '../lifeboat/lifeboat.ts';

/** Id of Lifeboat's recovery point. */
export async function measureFirstBackup(bench: Bench): Promise<string> {
  const { data, peers } = bench;
  const { documents, tar, pgbackrest, restic } = peers;
  const needsDocuments = bench.wants('first-backup') || bench.wants('restore');
  if (documents !== undefined && needsDocuments) await timed(bench, 'first/documents', async () => documents.backup());
  if (tar !== undefined && bench.wants('first-backup')) await timed(bench, 'first/tar', async () => tar.backup());
  await initLifeboat(data);
  let point = '';
  await timed(bench, 'first/lifeboat', async () => {
    const { seconds, id, storedBytes, bytes, parts } = await backUpLifeboat(data);
    bench.record.add('bytes/captured', bytes);
    bench.record.add('bytes/first-stored', storedBytes);
    for (const [part, value] of Object.entries(parts)) bench.record.add(`first/lifeboat ${part}`, value);
    point = id;
    return seconds;
  });
  const needsEngines = bench.wants('first-backup') || bench.wants('second-backup') || bench.wants('restore');
  if (!needsEngines) return point;
  if (pgbackrest !== undefined) {
    await pgbackrest.init();
    await timed(bench, 'first/pgbackrest', async () => pgbackrest.backup('full'));
  }
  if (restic !== undefined) {
    await restic.init();
    await timed(bench, 'first/restic', async () => restic.backup());
  }
  return point;
}
