import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import type { ServiceConfig } from '../../src/domain/appliance.ts';
import { freePort } from '../../src/dev/free-ports.ts';
import { preparePostgres } from '../../src/dev/postgres.ts';
import { prepareRedis } from '../../src/dev/redis.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { createProcessPlatform } from '../../src/platform/process/process-platform.ts';
import { folderTest } from '../support/folder-test.ts';
import { waitFor } from '../support/wait-for.ts';
import { livingOf, nodeService, programService } from './services.ts';

const never = new AbortController().signal;
const idle = 'setInterval(() => {}, 1000)';

async function childrenOf(pid: number): Promise<number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number);
  expect(children.length).toBeGreaterThan(3);
  return children;
}

interface PlatformFixture {
  /** A platform whose services are stopped before the folder goes, however the test ends. */
  platformOf: (...services: ServiceConfig[]) => Platform;
}

const test = folderTest.extend<PlatformFixture>({
  platformOf: async ({ folder }, use) => {
    expect(folder).toBeTypeOf('string'); // Asking for the folder makes it outlive the services.
    const made: { platform: Platform; services: readonly ServiceConfig[] }[] = [];
    await use((...services) => {
      const platform = createProcessPlatform(services);
      made.push({ platform, services });
      return platform;
    });
    for (const { platform, services } of made) for (const { name } of services) await platform.stop(name, never);
  },
});

test('O1.1: a started service outlives the call, writes its own log and is known by its pid file', async ({
  folder,
  platformOf,
}) => {
  const service = nodeService(folder, `console.log('hello'); ${idle}`);
  const platform = platformOf(service);
  await platform.start('app', never);
  const state = await createProcessPlatform([service]).state('app');
  expect(state).toMatchObject({ running: true, ready: true });
  expect(await livingOf([state.pid!])).toEqual([state.pid!]);
  await waitFor(async () => expect(await readFile(service.run.logFile, 'utf8')).toBe('hello\n'));
  expect((await readFile(service.run.pidFile, 'utf8')).split('\n')[0]).toBe(String(state.pid));
  await platform.stop('app', never);
  expect(await livingOf([state.pid!])).toEqual([]);
});

test('a reused pid is never killed: the pid file also holds when its process started', async ({
  folder,
  platformOf,
}) => {
  const bystander = spawn(process.execPath, ['-e', idle], { stdio: 'ignore' });
  onTestFinished(() => void bystander.kill('SIGKILL'));
  await once(bystander, 'spawn');
  const service = nodeService(folder, idle);
  await mkdir(dirname(service.run.pidFile), { recursive: true });
  await writeFile(service.run.pidFile, `${bystander.pid}\nanother-boot:1\n`);
  const platform = platformOf(service);
  expect(await platform.state('app')).toMatchObject({ running: false });
  await platform.stop('app', never);
  expect(await livingOf([bystander.pid!])).toEqual([bystander.pid!]);
  await platform.start('app', never);
  expect((await platform.state('app')).pid).not.toBe(bystander.pid);
});

test('F4: a pid file of somebody else is an error that doctor and plan foresee, not a kill; of a dead process it is stale', async ({
  folder,
  platformOf,
}) => {
  const service = nodeService(folder, idle);
  const platform = platformOf(service);
  const write = async (text: string): Promise<void> => writeFile(service.run.pidFile, text);
  await mkdir(dirname(service.run.pidFile), { recursive: true });
  for (const [text, told] of [
    [`${process.pid}\n`, `and its process ${process.pid} runs`],
    ['a note\n', 'was not written by Lifeboat'],
  ] as const) {
    await write(text);
    const refused = { code: 'Precondition', message: expect.stringContaining(told) as string };
    await expect(platform.stop('app', never)).rejects.toMatchObject(refused);
    await expect(platform.start('app', never)).rejects.toMatchObject(refused);
    await expect(platform.refuseUnsteerable(['app'])).rejects.toMatchObject(refused);
    expect(await platform.check()).toMatchObject([{ level: 'fail', text: refused.message }]);
  }
  const { pid: dead } = spawn(process.execPath, ['-e', '']).on('exit', () => gone.resolve(undefined));
  const gone = Promise.withResolvers<undefined>();
  await gone.promise;
  // PostgreSQL's own has more lines.
  await write(`${dead}\n${folder}\n1700000000\n5432\n`);
  await platform.refuseUnsteerable(['app']);
  expect(await platform.state('app')).toMatchObject({ running: false });
  await platform.stop('app', never);
  await write(`${dead}\n`);
  await platform.start('app', never);
  expect(await platform.state('app')).toMatchObject({ running: true });
});

test('a launcher that was killed before it wrote its pid file does not block the next start', async ({
  folder,
  platformOf,
}) => {
  const service = nodeService(folder, idle);
  await mkdir(dirname(service.run.pidFile), { recursive: true });
  await writeFile(service.run.pidFile, '');
  const platform = platformOf(service);
  await platform.start('app', never);
  expect(await platform.state('app')).toMatchObject({ running: true });
});

test('stop takes a service down that ignores its signal, with all that it started', async ({ folder, platformOf }) => {
  const child = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(`process.on('SIGTERM', () => {}); ${idle}`)}], { detached: true, stdio: 'ignore' })`;
  const script = `process.on('SIGTERM', () => {}); require('node:fs').writeFileSync('child', String(${child}.pid)); ${idle}`;
  const platform = platformOf(nodeService(folder, script, { stopTimeoutSeconds: 1 }));
  await platform.start('app', never);
  const childPid = await waitFor(async () => Number(await readFile(join(folder, 'child'), 'utf8')));
  await platform.stop('app', never);
  expect(await livingOf([childPid])).toEqual([]);
});

test('D3.4: postgres is proven gone with its backends, also after its head was killed and its data lost', async ({
  folder,
  platformOf,
}) => {
  const postgres = await preparePostgres({ directory: folder });
  const ready = { kind: 'tcp', host: postgres.hostname, port: postgres.port } as const;
  const platform = platformOf(programService(folder, postgres.command, 'SIGINT', { ready }));
  await platform.start('app', never);
  const quick = createProcessPlatform([
    programService(folder, postgres.command, 'SIGINT', { ready, stopTimeoutSeconds: 1 }),
  ]);
  for (const isDataLost of [false, true]) {
    const { pid } = await platform.state('app');
    const backends = await waitFor(() => childrenOf(pid!));
    // A stopped backend cannot notice that its head is gone: what would keep writing into swapped data.
    process.kill(backends[0]!, 'SIGSTOP');
    process.kill(pid!, 'SIGKILL');
    await waitFor(async () => expect(await livingOf([pid!])).toEqual([]));
    expect(await livingOf([backends[0]!])).toEqual([backends[0]!]);
    // The backends that were not stopped are ending, and may still write while their folder is removed.
    if (isDataLost) await rm(postgres.dataDirectory, { recursive: true, maxRetries: 5 });
    await quick.stop('app', never);
    expect(await livingOf(backends)).toEqual([]);
    if (!isDataLost) await platform.start('app', never);
  }
});

test('a server that somebody started by hand runs, so that who stops it knows to start it again', async ({
  folder,
  platformOf,
}) => {
  const postgres = await preparePostgres({ directory: folder });
  const ready = { kind: 'tcp', host: postgres.hostname, port: postgres.port } as const;
  const service = programService(folder, postgres.command, 'SIGINT', { ready });
  const platform = platformOf(service);
  // As `pg_ctl start` leaves it: the same server, adopted by init, and no pid file of ours.
  const [program = '', ...words] = postgres.command;
  spawn('sh', ['-c', '"$0" "$@" &', program, ...words], { stdio: 'ignore' });
  await waitFor(async () => expect(await platform.state('app')).toMatchObject({ running: true, ready: true }));
  await platform.refuseUnsteerable(['app']);
  await platform.stop('app', never);
  expect(await platform.state('app')).toMatchObject({ running: false });
  await platform.start('app', never);
  expect(await platform.state('app')).toMatchObject({ running: true });
});

test('D3.5: redis starts and stops cleanly, its port is free afterwards', async ({ folder, platformOf }) => {
  const redis = await prepareRedis({ directory: folder });
  const ready = { kind: 'tcp', host: redis.hostname, port: redis.port } as const;
  const platform = platformOf(programService(folder, redis.command, 'SIGTERM', { ready }));
  for (let round = 0; round < 2; round++) {
    await platform.start('app', never);
    await platform.stop('app', never);
  }
  expect(await readFile(join(folder, 'log', 'service.log'), 'utf8')).toMatch(/bye bye/);
});

test('D6.3: a service that ends while it starts names its log, and nothing of its output stands in the error', async ({
  folder,
  platformOf,
}) => {
  const service = nodeService(folder, `console.error('password=canary'); process.exit(3)`);
  const error = await platformOf(service)
    .start('app', never)
    .then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );
  expect(error).toMatchObject({ code: 'ServiceFailed', message: expect.stringContaining(service.run.logFile) });
  expect(`${error?.message}${error?.stack}`).not.toContain('canary');
});

test('a program that does not exist is a failed start', async ({ folder, platformOf }) => {
  const service = programService(folder, ['/nowhere/at-all'], 'SIGTERM');
  await expect(platformOf(service).start('app', never)).rejects.toMatchObject({ code: 'ServiceFailed' });
});

test('a service gets no secret of the worker in its environment', async ({ folder, platformOf }) => {
  vi.stubEnv('LIFEBOAT_CANARY', 'canary');
  onTestFinished(() => void vi.unstubAllEnvs());
  const service = nodeService(folder, `console.log(JSON.stringify(process.env)); ${idle}`);
  await platformOf(service).start('app', never);
  await waitFor(async () => expect(await readFile(service.run.logFile, 'utf8')).toContain('PATH'));
  expect(await readFile(service.run.logFile, 'utf8')).not.toContain('canary');
});

test('a stranger on the port is neither taken for the service nor left unnoticed after a stop', async ({ folder }) => {
  const port = await freePort();
  const stranger = createServer().listen(port, '127.0.0.1');
  onTestFinished(() => void stranger.close());
  await once(stranger, 'listening');
  const service = nodeService(folder, idle, { ready: { kind: 'tcp', host: '127.0.0.1', port } });
  const platform = createProcessPlatform([service]);
  const refused = { code: 'Precondition', message: expect.stringContaining(String(port)) as string };
  await expect(platform.start('app', never)).rejects.toMatchObject(refused);
  await expect(platform.stop('app', never)).rejects.toMatchObject(refused);
  await expect(platform.refuseUnsteerable(['app'])).rejects.toMatchObject(refused);
  expect(await platform.check()).toMatchObject([{ level: 'fail', text: refused.message }]);
});

test('check names a missing program, a missing user and a folder that cannot be written', async ({ folder }) => {
  const good = nodeService(folder, idle);
  expect(await createProcessPlatform([good]).check()).toMatchObject([{ level: 'ok' }]);
  const bad = {
    ...good,
    run: { ...good.run, command: ['no-such-program'], user: 'no-such-user', pidFile: '/proc/lifeboat/x.pid' },
  };
  const texts = (await createProcessPlatform([bad]).check()).map((finding) => `${finding.level} ${finding.text}`);
  expect(texts).toEqual([
    expect.stringMatching(/^fail .*no-such-program/),
    expect.stringMatching(/^fail .*no-such-user/),
    expect.stringMatching(/^fail .*pidFile/),
  ]);
});
