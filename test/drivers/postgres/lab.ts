/** A real server, a real repository and the driver between them, in one folder that goes with the test. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type pg from 'pg';
import { findPostgresBin } from '../../../src/dev/engines.ts';
import { copyTemplate, templateFolder } from '../../../src/dev/postgres-template.ts';
import { startPostgres } from '../../../src/dev/postgres.ts';
import type { PostgresOptions, RunningPostgres } from '../../../src/dev/postgres.ts';
import type { PostgresConfig } from '../../../src/domain/appliance.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import type { WalTarget } from '../../../src/domain/restore/target.ts';
import type { Driver, RestoreContext } from '../../../src/drivers/driver.ts';
import { createPostgresDriver } from '../../../src/drivers/postgres/driver.ts';
import { captureComponent } from '../../../src/operations/backup/capture-component.ts';
import { testKey } from '../../repository/backup.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { initRepository } from '../../../src/repository/init.ts';
import type { ComponentWriter, Repository } from '../../../src/repository/repository.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import { engineTest } from '../../support/engines.ts';
import type { FencingToken } from '../../../src/domain/fencing-token.ts';

export const database = 'wazuh_chat';

export interface Lab {
  readonly folder: string;
  readonly server: RunningPostgres;
  readonly repository: Repository;
  readonly config: PostgresConfig;
  readonly driver: Driver;
  /** Another driver for the same server, with some of its configuration changed. */
  readonly driverWith: (changes: Partial<PostgresConfig>) => Driver;
  /** Runs SQL as the superuser in the probed database. */
  readonly sql: (text: string) => Promise<pg.QueryResult>;
  readonly capture: (driver?: Driver, signal?: AbortSignal) => Promise<ComponentRecord>;
  /** The context of one step: 1 stage, 2 validate, 3 swap, 4 probe, 5 commit, 9 undo. */
  readonly step: (record: ComponentRecord, phase: number, attempt?: number, wal?: WalTarget) => RestoreContext;
  /** Stops the server, swaps, starts it on the restored data. */
  readonly goLive: (record: ComponentRecord) => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
}

export interface LabOptions extends Partial<PostgresOptions> {
  /** Run in the probed database before the test. */
  readonly setup?: string;
  /** With its template databases, to one of which nobody may connect. */
  readonly isWhole?: boolean;
  /** How long a measure waits for a lock. */
  readonly lockTimeoutMs?: number;
}

/** Messages that a test may change, and a table that nobody writes. */
export const someTables = `
  CREATE TABLE messages (id bigint PRIMARY KEY, content text NOT NULL);
  INSERT INTO messages SELECT g, md5(g::text) FROM generate_series(1, 5000) g;
  CREATE TABLE users (id int PRIMARY KEY, name text, seen timestamptz, score float8, tags jsonb);
  INSERT INTO users SELECT g, 'u' || g, timestamptz '2026-01-01 00:00Z' + g * interval '1 hour', g / 7.0, '{"a":[1]}' FROM generate_series(1, 300) g;
  CREATE UNLOGGED TABLE scratch AS SELECT 1 AS x`;

export interface LabFixtures {
  lab: (options?: LabOptions) => Promise<Lab>;
}

export const labTest = engineTest.extend<LabFixtures>({
  lab: async ({ folder }, use) => {
    const labs: Lab[] = [];
    try {
      await use(async (options = {}) => {
        const lab = await makeLab(join(folder, `${labs.length}`), options);
        labs.push(lab);
        return lab;
      });
    } finally {
      for (const lab of labs) {
        await lab.stop();
        await lab.repository.close();
      }
    }
  },
});

async function makeLab(folder: string, given: LabOptions): Promise<Lab> {
  const { setup = someTables, isWhole = false, lockTimeoutMs, ...options } = given;
  const patience = lockTimeoutMs === undefined ? {} : { lockTimeoutMs };
  const directory = join(folder, 'pg');
  const settings = { fsync: 'off', ...options.settings };
  // Root's labs belong to another user, who makes its cluster itself.
  const isOwn = isWhole || options.user !== undefined;
  if (!isOwn) await copyLabCluster(join(directory, 'data'));
  let server = await startPostgres({ ...options, directory, settings });
  const { port } = server;
  const sqlIn = async (name: string, text: string) => {
    const client = await server.connect(name);
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  };
  if (isOwn) await sqlIn('postgres', `CREATE DATABASE ${database}`);
  await sqlIn(database, setup);
  const { repository } = await initRepository(createLocalStorage(join(folder, 'repository')), testKey);
  const config: PostgresConfig = {
    id: 'postgres',
    kind: 'postgres',
    host: 'main',
    tier: 'critical',
    priority: 1,
    services: ['postgres'],
    hostname: server.hostname,
    port,
    user: server.user,
    tls: undefined,
    database,
    dataDirectory: server.dataDirectory,
    password: { from: 'literal', value: server.password },
    binDirectory: undefined,
    osUser: undefined,
    fingerprintUpTo: 64 * 1024 * 1024,
    wal: {
      archive: true,
      slot: 'lifeboat_lab',
      sealEverySeconds: 1,
      replayLimitSeconds: 900,
      ackLocation: undefined,
      slotGuard: undefined,
    },
  };
  const secret = async (ref: PostgresConfig['password']) => (ref?.from === 'literal' ? ref.value : undefined);
  const driverWith = (changes: Partial<PostgresConfig>) =>
    createPostgresDriver(
      { ...config, ...changes },
      { target: createProcessTarget(), stateDir: folder, secret, ...patience },
    );
  const driver = driverWith({});
  const runId = randomBytes(8).toString('hex');
  const token = (phase: number, attempt: number): FencingToken => ({
    lockStart: '2026-11-22T02:00:00.000Z',
    runId,
    attempt: phase * 1000 + attempt,
  });
  const signal = new AbortController().signal;
  const step = (record: ComponentRecord, phase: number, attempt = 1, wal?: WalTarget): RestoreContext => ({
    ...(wal === undefined ? {} : { wal }),
    repository,
    record,
    token: token(phase, attempt),
    staged: token(1, 1),
    replaceDamaged: false,
    onProgress: () => {},
    signal,
  });
  const stop = () => server.stop();
  const start = async () => {
    server = await startPostgres({ ...options, directory, settings, port });
  };
  return {
    folder,
    repository,
    config,
    driver,
    driverWith,
    step,
    stop,
    start,
    get server() {
      return server;
    },
    sql: (text) => sqlIn(database, text),
    capture: async (by = driver, captureSignal = signal) => {
      const backupId = await repository.reserve(new Date(), `test-${randomBytes(4).toString('hex')}`);
      return captureComponent({
        repository,
        driver: by,
        host: 'main',
        backupId,
        previous: undefined,
        resumePacks: [],
        onProgress: () => {},
        signal: captureSignal,
      });
    },
    goLive: async (record) => {
      await stop();
      await driver.swap(step(record, 3));
      await start();
    },
  };
}

/** Raised when what follows makes another cluster: templates outlive a run. */
const labRecipe = 1;

/** A cluster that has the probed database, and no templates: with them everything that is captured would be twice as large. */
async function copyLabCluster(target: string): Promise<void> {
  const binDirectory = findPostgresBin();
  const templates = templateFolder() ?? tmpdir();
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const { stdout: version } = await promisify(execFile)(join(binDirectory, 'postgres'), ['--version']);
  await copyTemplate(templates, ['lab', String(labRecipe), binDirectory, version, database], target, async (path) => {
    const server = await startPostgres({ directory: `${path}-server`, settings: { fsync: 'off' } });
    try {
      const client = await server.connect('postgres');
      await client.query(`CREATE DATABASE ${database}`);
      await dropTemplates(client);
      await client.end();
    } finally {
      await server.stop();
    }
    await rename(server.dataDirectory, path);
    await rm(`${path}-server`, { recursive: true, force: true });
  });
}

/** Without them what is captured of a small cluster is half, and nobody can make a database there any more. */
export async function dropTemplates(client: pg.Client): Promise<void> {
  await client.query('UPDATE pg_database SET datistemplate = false');
  for (const name of ['template0', 'template1']) await client.query(`DROP DATABASE ${name}`);
}

/** A sealed file of a component, parsed. */
export async function sealedJson<T>(repository: Repository, record: ComponentRecord, path: string): Promise<T> {
  const bytes = await repository.readFile(record.indexId, path);
  if (bytes === undefined) throw new Error(`${path} is not in the recovery point`);
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
}

/** The same object but for some of its functions. */
export function overriding<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => {
      const found: unknown = Reflect.get(name in own ? own : target, name);
      return typeof found === 'function' && !(name in own) ? (found.bind(target) as unknown) : found;
    },
  });
}

/** Captures into a writer that, once in the middle of the copy, waits until `act` has ended. */
export async function withWriter(
  repository: Repository,
  driver: Driver,
  act: () => Promise<void>,
  signal = new AbortController().signal,
): Promise<void> {
  const backupId = await repository.reserve(new Date(), `test-${randomBytes(4).toString('hex')}`);
  const writer = await repository.writeComponent({
    backupId,
    componentId: driver.component,
    blockSize: driver.blockSize,
  });
  let opened = 0;
  const open: ComponentWriter['open'] = async (entry, size) => {
    // The server has sent at most what buffers hold: some MiB of more than thirty.
    if (++opened === 100) await act();
    return writer.open(entry, size);
  };
  const slowed = overriding(writer, { open });
  try {
    await driver.capture({ writer: slowed, repository, backupId, onProgress: () => {}, signal });
  } finally {
    await writer.abandon();
  }
}

/** As the recovery point was made, in a run of its own. */
export async function restoredAgain(lab: Lab, record: ComponentRecord, run: number): Promise<void> {
  const { driver } = lab;
  const token = (phase: number) => ({
    lockStart: `2026-11-24T0${run}:00:00.000Z`,
    runId: `run-${run}`,
    attempt: phase * 1000 + 1,
  });
  const step = (phase: number) => ({ ...lab.step(record, phase), token: token(phase), staged: token(1) });
  await driver.stage(step(1));
  await driver.validate(step(2));
  await lab.stop();
  await driver.swap(step(3));
  await lab.start();
  await driver.commit(step(5));
}
