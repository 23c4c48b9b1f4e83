/** Everything that is stored, read again and authenticated; restic on a repository of the same data. */
import { timed, type Bench } from '../bench.ts';
import { verifyLifeboat } from '../lifeboat/lifeboat.ts';

export async function measureVerify(bench: Bench, point: string): Promise<void> {
  const { restic } = bench.peers;
  await timed(bench, 'verify/lifeboat', async () => (await verifyLifeboat(bench.data, point)).seconds);
  if (restic === undefined) return;
  await restic.backupWhole();
  await timed(bench, 'verify/restic', async () => restic.check());
}
