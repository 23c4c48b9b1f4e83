/** The pipeline of the two documents, as their scripts have it: one step after the other, gzip, a copy at the end. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseName } from '../../src/dev/appliance/description.ts';
import { startPostgres } from '../../src/dev/postgres.ts';
import { runScript } from '../command.ts';
import type { DataSet } from '../data/data-set.ts';
import { clientEnvironment } from './sources.ts';
import type { Peer } from './peer.ts';

const backupScript = `
cd "$TEMPORARY"
pg_dump "$PGDATABASE" | gzip > database.sql.gz
redis-cli -p "$REDIS_PORT" --rdb dump.rdb > /dev/null
tar czf vectorstore.tar.gz -C "$VECTORSTORE" .
tar czf models.tar.gz -C "$MODELS" .
tar czf configuration.tar.gz -C "$CONFIGURATION" .
sha256sum -- * > SHA256SUMS
cp -- * "$LOCATION"
`;

const restoreScript = `
cp -- "$LOCATION"/* "$TEMPORARY"
cd "$TEMPORARY"
sha256sum --quiet -c SHA256SUMS
gunzip database.sql.gz
psql -q -v ON_ERROR_STOP=1 -o /dev/null -f database.sql
mkdir -p "$TARGET/redis" "$TARGET/vectorstore" "$TARGET/models" "$TARGET/configuration"
cp dump.rdb "$TARGET/redis"
tar xzf vectorstore.tar.gz -C "$TARGET/vectorstore"
tar xzf models.tar.gz -C "$TARGET/models"
tar xzf configuration.tar.gz -C "$TARGET/configuration"
`;

export interface DocumentsPipeline extends Peer {
  backup(): Promise<number>;
  /** Into an empty server of its own beside the appliance; making it is not timed. */
  restore(): Promise<number>;
  clean(): Promise<void>;
}

export function documentsPipeline(data: DataSet, version: string): DocumentsPipeline {
  const folder = join(data.work, 'documents');
  const location = join(folder, 'location');
  const temporary = join(folder, 'temporary');
  const target = join(folder, 'target');
  const empty = async (...paths: readonly string[]): Promise<void> => {
    for (const path of paths) {
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
      await mkdir(path, { recursive: true });
    }
  };
  const env = { ...clientEnvironment(data), TEMPORARY: temporary, LOCATION: location, TARGET: target };
  return {
    name: 'documents',
    version,
    flags: [
      ...lines(backupScript),
      ...lines(restoreScript).map((line) => `restore: ${line}`),
      'no fsync, no encryption, no point in time common to its parts',
    ],
    backup: async () => {
      await empty(location, temporary);
      const { seconds } = await runScript(backupScript, { env });
      await empty(temporary);
      return seconds;
    },
    restore: async () => {
      await empty(temporary, target);
      const server = await startPostgres({
        directory: join(folder, 'server'),
        password: data.sample.passwords.postgres,
      });
      try {
        const client = await server.connect();
        await client.query(`create database ${databaseName}`);
        await client.end();
        return (await runScript(restoreScript, { env: { ...env, PGPORT: String(server.port) } })).seconds;
      } finally {
        await server.stop();
        await rm(join(folder, 'server'), { recursive: true, force: true, maxRetries: 5 });
        await empty(temporary, target);
      }
    },
    clean: async () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

function lines(script: string): string[] {
  return script.trim().split('\n');
}
