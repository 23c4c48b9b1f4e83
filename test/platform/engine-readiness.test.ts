/** A port that accepts is not yet an engine that works: what `ready: { engine: … }` waits for, with the engines themselves. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import type { PostgresConfig, RedisConfig, ServiceConfig } from '../../src/domain/appliance.ts';
import type { SecretRef } from '../../src/domain/secret-ref.ts';
import { preparePostgres } from '../../src/dev/postgres.ts';
import { prepareRedis } from '../../src/dev/redis.ts';
import type { Driver, DriverEnvironment } from '../../src/drivers/driver.ts';
import { createPostgresDriver } from '../../src/drivers/postgres/driver.ts';
import { createRedisDriver } from '../../src/drivers/redis/driver.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { createProcessPlatform } from '../../src/platform/process/process-platform.ts';
import { createProcessTarget } from '../../src/platform/process/process-target.ts';
import { withClient } from '../drivers/redis/sample.ts';
import { engineTest } from '../support/engines.ts';
import { startRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';
import { programService } from './services.ts';

const never = new AbortController().signal;

const common = { host: 'main', tier: 'critical', priority: 1, services: ['app'] } as const;

interface EngineFixture {
  /** The service of a server, once as its port sees it and once as its driver sees it; stopped at the end. */
  serve: (server: Server) => { readonly byPort: Platform; readonly byEngine: Platform };
}

interface Server {
  readonly command: readonly string[];
  readonly hostname: string;
  readonly port: number;
  readonly driver: Driver;
  readonly startTimeoutSeconds: number;
}

const test = engineTest.extend<EngineFixture>({
  serve: async ({ folder }, use) => {
    const made: Platform[] = [];
    await use(({ command, hostname: host, port, driver, startTimeoutSeconds }) => {
      const service = (ready: ServiceConfig['ready']): ServiceConfig =>
        programService(folder, command, 'SIGINT', { ready, startTimeoutSeconds });
      const byPort = createProcessPlatform([service({ kind: 'tcp', host, port })]);
      const byEngine = createProcessPlatform(
        [service({ kind: 'engine', component: driver.component, host, port })],
        async (_component, signal) => driver.ready!(signal),
      );
      made.push(byPort);
      return { byPort, byEngine };
    });
    for (const platform of made) await platform.stop('app', never);
  },
});

function environment(folder: string): DriverEnvironment {
  const secret = async (ref: SecretRef | undefined) => (ref?.from === 'literal' ? ref.value : undefined);
  return { target: createProcessTarget(), stateDir: folder, secret };
}

test('D3.11: PostgreSQL whose port accepts while it still starts up is not ready; start waits until it takes sessions', async ({
  folder,
  serve,
}) => {
  const server = await preparePostgres({ directory: folder, settings: { fsync: 'off', hot_standby: 'off' } });
  // A server that recovers without hot standby answers every session with 57P03 until it is promoted.
  await writeFile(join(server.dataDirectory, 'standby.signal'), '');
  const driver = createPostgresDriver(postgresOf(server, server.password), environment(folder));
  const { byPort, byEngine } = serve({ ...server, driver, startTimeoutSeconds: 2 });
  await byPort.start('app', never);
  await expect(byEngine.start('app', never)).rejects.toMatchObject({
    code: 'ServiceFailed',
    message: expect.stringMatching(/the database system is (?:starting up|not accepting connections|not yet)/),
  });
  expect(await byPort.state('app')).toMatchObject({ ready: true });
  const promoted = promisify(execFile)(join(server.binDirectory, 'pg_ctl'), [
    'promote',
    '-w',
    '-D',
    server.dataDirectory,
  ]);
  await byEngine.start('app', never);
  expect(await driver.ready?.(never)).toEqual({ ready: true, detail: 'answers' });
  await promoted;
  // What it thinks of our password is for those to tell who need a session.
  const stranger = createPostgresDriver(postgresOf(server, 'wrong'), environment(folder));
  expect(await stranger.ready?.(never)).toMatchObject({ ready: true, detail: expect.stringContaining('password') });
});

test('D3.11: Redis whose port accepts while it still loads is not ready; start waits until it is loaded', async ({
  folder,
  serve,
}) => {
  const directory = join(folder, 'redis');
  const password = 'canary-redis-password';
  const filled = await startRedis({ directory, password });
  await withClient(filled, async (client) => {
    for (let key = 0; key < 3000; key += 1) await client.set(`key:${key}`, 'value');
  });
  await filled.stop();
  const settings = { 'key-load-delay': '1000', 'loading-process-events-interval-bytes': '1024' };
  const server = await prepareRedis({ directory, password, port: filled.port, settings });
  const config: RedisConfig = {
    ...common,
    id: 'redis',
    kind: 'redis',
    hostname: server.hostname,
    port: server.port,
    username: undefined,
    password: { from: 'literal', value: password },
    tls: undefined,
    dataDirectory: server.dataDirectory,
    configFiles: [],
    serverBinary: undefined,
  };
  const driver = createRedisDriver(config, environment(folder));
  const { byPort, byEngine } = serve({ ...server, driver, startTimeoutSeconds: 50 });
  await byPort.start('app', never);
  expect(await driver.ready?.(never)).toMatchObject({ ready: false });
  expect(await byPort.state('app')).toMatchObject({ ready: true });
  await byEngine.start('app', never);
  expect(await withClient(server, async (client) => client.dbsize())).toBe(3000);
});

test('an engine that hangs is not ready after the time that its asker gives it', async ({ folder, redis }) => {
  const config = {
    ...common,
    id: 'redis',
    kind: 'redis',
    hostname: redis.hostname,
    port: redis.port,
    username: undefined,
    password: undefined,
    tls: undefined,
    dataDirectory: redis.dataDirectory,
    configFiles: [],
    serverBinary: undefined,
  } as const;
  const driver = createRedisDriver(config, environment(folder));
  await waitFor(async () => expect(await driver.ready?.(never)).toMatchObject({ ready: true }));
  process.kill(redis.pid, 'SIGSTOP');
  try {
    expect(await driver.ready?.(AbortSignal.timeout(300))).toMatchObject({ ready: false });
  } finally {
    process.kill(redis.pid, 'SIGCONT');
  }
});

function postgresOf(
  server: Pick<Awaited<ReturnType<typeof preparePostgres>>, 'hostname' | 'port' | 'user' | 'dataDirectory'>,
  password: string,
): PostgresConfig {
  return {
    ...common,
    id: 'postgres',
    kind: 'postgres',
    hostname: server.hostname,
    port: server.port,
    user: server.user,
    password: { from: 'literal', value: password },
    tls: undefined,
    database: 'wazuh_chat',
    dataDirectory: server.dataDirectory,
    binDirectory: undefined,
    osUser: undefined,
    fingerprintUpTo: 0,
    wal: {
      archive: false,
      slot: 'lifeboat_test',
      sealEverySeconds: 10,
      replayLimitSeconds: 900,
      ackLocation: undefined,
      slotGuard: undefined,
    },
  };
}
