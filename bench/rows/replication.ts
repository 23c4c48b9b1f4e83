/** The repository into an empty bucket of a real S3 server on this machine, against a plain copy of its packs. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startS3 } from '../../src/dev/s3.ts';
import { timed, type Bench } from '../bench.ts';
import { replicateLifeboat } from '../lifeboat/lifeboat.ts';

export async function measureReplication(bench: Bench): Promise<void> {
  const { data, peers } = bench;
  const directory = join(data.work, 's3');
  const server = await startS3({ directory });
  try {
    await timed(bench, 'replication/lifeboat', async () => (await replicateLifeboat(data, server.settings)).seconds);
    const { rclone } = peers;
    if (rclone !== undefined) await timed(bench, 'replication/rclone', async () => rclone.copy(server.settings));
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
