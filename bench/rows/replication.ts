/** The repository into empty places of real servers on this machine, against plain copies of its packs. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startSshd } from '../../src/dev/sshd.ts';
import { startS3 } from '../../src/dev/s3.ts';
import { timed, type Bench } from '../bench.ts';
import { replicateLifeboat } from '../lifeboat/lifeboat.ts';

export async function measureReplication(bench: Bench): Promise<void> {
  await intoBucket(bench);
  await throughSsh(bench);
}

async function throughSsh(bench: Bench): Promise<void> {
  const { data, peers } = bench;
  const directory = join(data.work, 'sshd');
  const server = await startSshd({ directory });
  const path = join(directory, 'copy');
  try {
    await timed(
      bench,
      'replication-ssh/lifeboat',
      async () => (await replicateLifeboat(data, { ssh: { ...server.settings, path } })).seconds,
    );
    const { rsync } = peers;
    if (rsync !== undefined) await timed(bench, 'replication-ssh/rsync', async () => rsync.copy(server.settings));
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function intoBucket(bench: Bench): Promise<void> {
  const { data, peers } = bench;
  const directory = join(data.work, 's3');
  const server = await startS3({ directory });
  try {
    await timed(
      bench,
      'replication/lifeboat',
      async () => (await replicateLifeboat(data, { s3: server.settings })).seconds,
    );
    const { rclone } = peers;
    if (rclone !== undefined) await timed(bench, 'replication/rclone', async () => rclone.copy(server.settings));
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
