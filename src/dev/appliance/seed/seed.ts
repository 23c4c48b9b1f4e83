/** Fills the whole sample appliance. PostgreSQL and Redis run already and are empty; the app does not run yet. */
import type pg from 'pg';
import { databaseName, type SampleAppliance } from '../description.ts';
import { giveToUser } from '../give-to-user.ts';
import { seedConfiguration } from './configuration.ts';
import { seedDatabase } from './database.ts';
import { makeLogLines } from './log-lines.ts';
import { seedModels } from './models.ts';
import { seedRedis } from './redis.ts';
import { sizes, type ApplianceSize } from './sizes.ts';
import { seedVectorstore } from './vectorstore.ts';
import { withClient } from './with-client.ts';

export interface SeedOptions {
  readonly size: ApplianceSize;
  /** A GGUF embedding model; it is copied into the appliance. */
  readonly modelPath: string;
  readonly cacheFolder: string;
  /** One line each time something notable is done. */
  readonly onProgress: (note: string) => void;
}

export interface SeedResult {
  readonly seconds: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly vectors: number;
}

export async function seedAppliance(appliance: SampleAppliance, options: SeedOptions): Promise<SeedResult> {
  const begin = performance.now();
  const size = sizes[options.size];
  const lines = makeLogLines(size.logLines);
  await seedConfiguration(appliance);
  await seedModels(appliance, options.modelPath, size);
  await seedVectorstore(appliance, {
    ...options,
    lines,
    onProgress: (done, total) => options.onProgress(`${done} of ${total} log lines embedded`),
  });
  await seedRedis(appliance, size);
  await seedPostgres(appliance, async (client) => seedDatabase(client, size, lines, options.onProgress));
  const { configuration, models, vectorstore } = appliance.folders;
  await giveToUser(appliance, [configuration, models, vectorstore]);
  const { users, sessions, messages, metrics, audits, fillerRows } = size;
  return {
    seconds: (performance.now() - begin) / 1000,
    rows: {
      users,
      chat_sessions: sessions,
      messages,
      query_metrics: metrics,
      audit_logs: audits,
      ...(fillerRows > 0 ? { load_filler: fillerRows } : {}),
    },
    vectors: lines.length,
  };
}

async function seedPostgres(appliance: SampleAppliance, work: (client: pg.Client) => Promise<void>): Promise<void> {
  await withClient(appliance, 'postgres', async (client) => client.query(`create database ${databaseName}`));
  await withClient(appliance, databaseName, work);
}
