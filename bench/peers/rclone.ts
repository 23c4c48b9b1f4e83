/** rclone copies the same packs to the same server: what moving the bytes costs without knowing what they are. */
import { join } from 'node:path';
import type { S3Credentials, S3Settings } from '../../src/storage/s3/client.ts';
import { runCommand } from '../command.ts';
import type { DataSet } from '../data/data-set.ts';
import type { Peer } from './peer.ts';

/** rclone's own default. */
const transfers = 4;

export interface RclonePeer extends Peer {
  copy(settings: S3Settings & { readonly credentials: S3Credentials }): Promise<number>;
}

export function rclonePeer(data: DataSet, version: string): RclonePeer {
  return {
    name: 'rclone',
    version,
    flags: [`rclone copy <repository>/packs bench:<bucket>/rclone --transfers ${transfers}`],
    copy: async ({ bucket, region, endpoint = '', credentials }) => {
      const packs = join(data.appliance.repository.path, 'packs');
      const env = {
        RCLONE_CONFIG_BENCH_TYPE: 's3',
        RCLONE_CONFIG_BENCH_PROVIDER: 'Other',
        RCLONE_CONFIG_BENCH_ENDPOINT: endpoint,
        RCLONE_CONFIG_BENCH_REGION: region,
        RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: credentials.accessKeyId,
        RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        // Some versions refuse to start where the machine names one, and the server needs none.
        AWS_CA_BUNDLE: '',
      };
      const args = ['copy', packs, `bench:${bucket}/rclone`, '--transfers', String(transfers)];
      return (await runCommand('rclone', args, { env })).seconds;
    },
  };
}
