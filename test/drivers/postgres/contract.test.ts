import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { startPostgres, type RunningPostgres } from '../../../src/dev/postgres.ts';
import { freePort } from '../../../src/dev/free-ports.ts';
import type { PostgresConfig } from '../../../src/domain/appliance.ts';
import { createPostgresDriver } from '../../../src/drivers/postgres/driver.ts';
import { factsPath, type SealedFacts } from '../../../src/drivers/postgres/facts.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { driverContract, type Subject } from '../../contracts/driver.ts';
import { enlarged } from '../../contracts/enlarged.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { dropTemplates, someTables } from './lab.ts';

const password = 'canary-postgres-password';
const settings = { fsync: 'off' };
let template: TemporaryFolder;

/** initdb takes longer than a whole restore of what it makes. Without its other databases a cluster is a quarter. */
beforeAll(async () => {
  template = await temporaryFolder('pg-template');
  const server = await startPostgres({ directory: template.path, password, settings });
  const client = await server.connect('postgres');
  await dropTemplates(client);
  await client.end();
  await server.stop();
  // Segments of 16 MiB would be most of what is copied.
  await promisify(execFile)(join(server.binDirectory, 'pg_resetwal'), ['--wal-segsize=1', server.dataDirectory]);
});
afterAll(async () => template.remove());

driverContract('postgres', makePostgresSubject, {
  newer: (repository, record) => ({
    repository: withMajor(repository, 99),
    record: { ...record, facts: { ...record.facts, major: 99 } },
  }),
});

async function makePostgresSubject(folder: string): Promise<Subject> {
  const directory = join(folder, 'pg');
  const dataDirectory = join(directory, 'data');
  await cp(template.path, directory, { recursive: true, mode: constants.COPYFILE_FICLONE });
  const port = await freePort();
  let server: RunningPostgres | undefined;
  const config: PostgresConfig = {
    id: 'postgres',
    kind: 'postgres',
    host: 'main',
    tier: 'critical',
    priority: 1,
    services: [],
    hostname: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    dataDirectory,
    password: { from: 'literal', value: password },
    tls: undefined,
    binDirectory: undefined,
    osUser: undefined,
    fingerprintUpTo: 64 * 1024 * 1024,
    wal: {
      archive: false,
      slot: 'lifeboat_test',
      sealEverySeconds: 10,
      replayLimitSeconds: 900,
      ackLocation: undefined,
      slotGuard: undefined,
    },
  };
  const driver = createPostgresDriver(config, {
    target: createProcessTarget(),
    stateDir: join(folder, 'state'),
    secret: async (ref) => (ref?.from === 'literal' ? ref.value : undefined),
  });
  const stop = async (): Promise<void> => {
    await server?.stop();
    server = undefined;
  };
  async function sql(text: string): Promise<unknown[]> {
    const client = await server!.connect('postgres');
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }
  return {
    config,
    driver,
    module: join(import.meta.dirname, '../../../src/drivers/postgres/driver.ts'),
    factory: 'createPostgresDriver',
    async start() {
      server ??= await startPostgres({ directory, port, password, settings });
    },
    stop,
    seed: async () => void (await sql(someTables)),
    change: async () => void (await sql(`UPDATE messages SET content = 'changed'; DROP TABLE users`)),
    content: async () => JSON.stringify(await sql(everyRow)),
    async destroy() {
      await server?.kill();
      server = undefined;
      await rm(dataDirectory, { recursive: true, force: true });
    },
    empty: async () => void (await sql('DROP TABLE messages, users, scratch')),
    deny: async () => void (await sql(`ALTER ROLE postgres PASSWORD 'another'`)),
    async lock() {
      await chmod(directory, 0o500);
      return { unlock: () => chmod(directory, 0o700) };
    },
    privateEngine: /postgres -D .*-staging-/,
    enlarge: enlarged,
    dispose: stop,
  };
}

/** Of the tables that `change` leaves, and the names of all. */
const everyRow = `SELECT (SELECT md5(string_agg(m::text, '|' ORDER BY id)) FROM messages m) AS messages,
  (SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace) AS tables`;

function withMajor(repository: Repository, major: number): Repository {
  return {
    ...repository,
    async readFile(indexId, path) {
      const bytes = await repository.readFile(indexId, path);
      if (path !== factsPath || bytes === undefined) return bytes;
      return Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(bytes).toString()) as SealedFacts), major }));
    },
  };
}
