/** A lean stage with a real database as a service and a component, and a location; WAL is archived. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { parseConfiguration } from '../../src/config/load.ts';
import { preparePostgres, type PostgresInstance } from '../../src/dev/postgres.ts';
import { wireParts, type Parts } from '../../workers/parts.ts';
import { run, type Ended } from '../cli/transcript.ts';
import { startLeanStage, type LeanStage } from './lean-stage.ts';

export interface DatabaseStage extends LeanStage {
  readonly postgres: PostgresInstance;
  readonly parts: Parts;
  lifeboat(...args: readonly string[]): Promise<Ended>;
  connect(): Promise<pg.Client>;
  sql<T extends object>(text: string, values?: readonly unknown[]): Promise<T[]>;
}

const signal = new AbortController().signal;

/** `change` is given the configuration's text. The database runs; no worker does. */
export async function startDatabaseStage(change: (text: string) => string = (text) => text): Promise<DatabaseStage> {
  const stage = await startLeanStage(1e5);
  const { folder, configFile, data } = stage;
  const at = (name: string): string => join(folder, name);
  const postgres = await preparePostgres({ directory: at('pg'), settings: { fsync: 'on' } });
  await writeFile(at('pg-password'), postgres.password, { mode: 0o600 });
  const text = change(
    (await readFile(configFile, 'utf8')).replace(
      /^components: .*$/m,
      `services:
  postgres:
    command: ${JSON.stringify(postgres.command)}
    pidFile: ${at('postgres.pid')}
    logFile: ${at('postgres.log')}
    stopSignal: SIGINT
    ready: { engine: postgres }
components:
  data: { kind: files, paths: [${data}] }
  postgres:
    kind: postgres
    services: [postgres]
    port: ${postgres.port}
    password: { file: ${at('pg-password')} }
    database: postgres
    dataDirectory: ${postgres.dataDirectory}
    binDirectory: ${postgres.binDirectory}
    wal: { sealEvery: 0.5s }
locations: { vault: { kind: local, path: ${at('vault')}, offHost: true } }`,
    ),
  );
  await writeFile(configFile, text);
  const parts = wireParts(parseConfiguration(text, configFile).appliance);
  await parts.platform.start('postgres', signal);
  const connect = async (): Promise<pg.Client> => {
    const { hostname: host, port, user, password } = postgres;
    const client = new pg.Client({ host, port, user, password, database: 'postgres' });
    await client.connect();
    return client;
  };
  return {
    ...stage,
    postgres,
    parts,
    lifeboat: async (...args) => run(['-c', configFile, ...args], { cwd: folder }),
    connect,
    async sql<T extends object>(query: string, values: readonly unknown[] = []) {
      const client = await connect();
      try {
        return (await client.query<T>(query, [...values])).rows;
      } finally {
        await client.end();
      }
    },
    async stop() {
      await parts.platform.stop('postgres', signal);
      await parts.close();
      await stage.stop();
    },
  };
}
