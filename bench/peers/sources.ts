/** How peers reach the engines. Secrets go through environment and files, never through arguments. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseName } from '../../src/dev/appliance/description.ts';
import type { DataSet } from '../data/data-set.ts';

/** For pg_dump, psql and redis-cli. */
export function clientEnvironment({ sample }: DataSet): Record<string, string> {
  return {
    PGHOST: '127.0.0.1',
    PGPORT: String(sample.ports.postgres),
    PGUSER: 'postgres',
    PGPASSWORD: sample.passwords.postgres,
    PGDATABASE: databaseName,
    REDIS_PORT: String(sample.ports.redis),
    REDISCLI_AUTH: sample.passwords.redis,
    VECTORSTORE: sample.folders.vectorstore,
    MODELS: sample.folders.models,
    CONFIGURATION: sample.folders.configuration,
    PGDATA: sample.folders.postgresData,
  };
}

/** A password file for libpq where a tool clears the environment. */
export async function passwordFile({ sample, work }: DataSet): Promise<string> {
  const path = join(work, 'pgpass');
  await writeFile(path, `*:*:*:postgres:${sample.passwords.postgres}\n`, { mode: 0o600 });
  return path;
}
