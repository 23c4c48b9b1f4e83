/** Servers that start with arguments: whoever starts them next, with or without these, finds the restored keys. */
import { access, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startEngine, type EngineProcess } from '../../../src/dev/engine-process.ts';
import { restoreNotes } from '../../../src/domain/capture-notes.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import { withRedis } from '../../../src/drivers/redis/connection.ts';
import { createRedisDriver } from '../../../src/drivers/redis/driver.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { broken, capture, contextOf, makeRepository, token } from '../../contracts/driver-fixture.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { waitFor } from '../../support/wait-for.ts';
import { withClient } from './sample.ts';
import { makeRedisSubject, password, type RedisSubject } from './subject.ts';

let folder: TemporaryFolder;
let repository: Repository;
let subject: RedisSubject;
let running: EngineProcess | undefined;

beforeEach(async () => {
  folder = await temporaryFolder('redis-starts');
  repository = await makeRepository(join(folder.path, 'repository'));
});
afterEach(async () => {
  await running?.kill();
  await subject.dispose();
  await repository.close();
  await folder.remove();
});

/** Started by nobody that the driver knows of, unless it is told a command. */
const driverOf = (startCommands: readonly (readonly string[])[] = [], dataDirectory = subject.config.dataDirectory) =>
  createRedisDriver(
    { ...subject.config, dataDirectory },
    {
      target: createProcessTarget(),
      stateDir: join(folder.path, 'state'),
      secret: async () => password,
      startCommands,
    },
  );

const answersAll = () => withClient(subject.instance, (client) => client.ping());
const answersThatItLoads = () => withRedis(endpoint(), (client) => client.info(), { waitsForLoad: false });
const endpoint = () => ({
  component: 'redis',
  where: { hostname: '127.0.0.1', port: subject.config.port },
  username: undefined,
  password,
});

async function start(...words: string[]): Promise<void> {
  await startUntil(answersAll, words);
}

async function startUntil(answers: () => Promise<unknown>, words: readonly string[]): Promise<void> {
  const { command, dataDirectory, logFile } = subject.instance;
  running = await startEngine({
    name: 'Redis',
    command: [...command, ...words],
    cwd: dataDirectory,
    logFile,
    stopSignal: 'SIGTERM',
    answers,
  });
}

async function restart(...words: string[]): Promise<void> {
  await running?.stop();
  await start(...words);
}

/** Until the first file is written the server does not end. */
async function turnOnAppending(): Promise<void> {
  await withClient(subject.instance, async (client) => {
    await client.config('SET', 'appendonly', 'yes');
    await waitFor(async () =>
      expect(await client.info('persistence')).toMatch(/aof_rewrite_in_progress:0[^]*scheduled:0/),
    );
  });
}

const set = (key: string) => withClient(subject.instance, (client) => client.set(key, 'value'));
const keys = () => withClient(subject.instance, async (client) => (await client.keys('*')).toSorted());
const left = async () => (await readdir(subject.config.dataDirectory, { recursive: true })).toSorted();
const contains = (text: string): string => expect.stringContaining(text) as string;
let runs = 0;

/** The whole way; the server stops before the swap and starts with these words after it. */
async function restored(driver: ReturnType<typeof driverOf>, record: ComponentRecord, ...words: string[]) {
  const of = (attempt: number, staged?: ReturnType<typeof token>) => {
    const lockStart = new Date(Date.UTC(2026, 0, 1, 0, runs)).toISOString();
    return contextOf({
      repository,
      record,
      token: token(attempt, lockStart),
      ...(staged === undefined ? {} : { staged }),
    });
  };
  runs += 1;
  const { token: staged } = of(1001);
  const { notes } = await driver.stage(of(1001));
  expect(broken(await driver.validate(of(2001, staged)))).toEqual([]);
  await running?.stop();
  await driver.swap(of(3001, staged));
  await start(...words);
  expect(await keys()).toEqual(['captured']);
  expect(broken(await driver.probe(of(4001, staged)))).toEqual([]);
  const committed = await driver.commit(of(5001, staged));
  expect(await driver.commit(of(5002, staged))).toEqual(committed);
  return { notes, told: committed.notes };
}

/** The server ends by itself, having written nothing. */
async function refused(...words: string[]): Promise<void> {
  await running?.stop();
  await expect(start(...words)).rejects.toThrow();
  running = undefined;
}

const inUse = ['appendonlydir', 'appendonlydir/appendonly.aof.1.base.rdb', 'appendonlydir/appendonly.aof.1.incr.aof'];

test('F3: arguments that nobody tells: both starts find the restored keys, and what the one did not use goes', async () => {
  subject = await makeRedisSubject(folder.path, { appendonly: 'no' });
  await start('--appendonly', 'yes');
  await set('captured');
  const driver = driverOf();
  expect((await driver.check()).filter(({ level }) => level !== 'ok')).toMatchObject([
    { text: contains('`appendonly` is `yes`, the file says `no`'), hint: contains('CONFIG REWRITE') },
  ]);
  const record = await capture(driver, repository);
  expect(record.facts).toMatchObject({ configDiffers: ['appendonly'] });
  expect(restoreNotes(record.facts)).toEqual([contains('appendonly')]);

  expect(await restored(driver, record, '--appendonly', 'yes')).toEqual({ notes: [contains('for both')], told: [] });
  expect(await left()).toEqual([...inUse, 'appendonlydir/appendonly.aof.manifest', 'dump.rdb'].toSorted());
  await set('written since');
  await restart('--appendonly', 'yes');
  expect(await keys()).toEqual(['captured', 'written since']);

  expect(await restored(driver, record)).toMatchObject({ told: [contains('write `appendonly yes` into redis.conf')] });
  expect(await left()).toEqual(['appendonlydir', 'appendonlydir/appendonly.aof.manifest', 'dump.rdb']);
  await set('written since');
  await withClient(subject.instance, (client) => client.save());
  expect((await driver.check()).filter(({ level }) => level !== 'ok')).toMatchObject([
    { text: contains('a start with `appendonly yes` is refused'), hint: contains('CONFIG SET appendonly yes') },
  ]);
  // As its unit would start it: neither empty nor without what is newer.
  await refused('--appendonly', 'yes');
  await start();
  expect(await keys()).toEqual(['captured', 'written since']);
  // Turned on as the server itself does it, or with a start, nothing of the restore is read in the place of newer data.
  await turnOnAppending();
  await restart('--appendonly', 'yes');
  expect(await keys()).toEqual(['captured', 'written since']);
});

test('F3: append-only files that were turned on before the commit stay, whatever they hold', async () => {
  subject = await makeRedisSubject(folder.path, { appendonly: 'no' });
  await start();
  await set('captured');
  const driver = driverOf();
  const record = await capture(driver, repository);
  const staged = token(1001);
  await driver.stage(contextOf({ repository, record, token: staged }));
  await running?.stop();
  await driver.swap(contextOf({ repository, record, token: token(3001), staged }));
  const commit = () => driver.commit(contextOf({ repository, record, token: token(5001), staged }));
  // Nobody tells what the server uses.
  await expect(commit()).rejects.toMatchObject({ code: 'EngineUnavailable', message: contains('appendonlydir/') });
  await start();
  expect((await driver.check()).filter(({ level }) => level !== 'ok')).toMatchObject([
    { text: contains('`appendonlydir/appendonly.aof.manifest` lies in the data directory'), hint: contains('remove') },
  ]);
  await turnOnAppending();
  await set('written since');
  await commit();
  await restart('--appendonly', 'yes');
  expect(await keys()).toEqual(['captured', 'written since']);
});

test('F3: a command that is known decides alone, in whichever words it says so', async () => {
  subject = await makeRedisSubject(folder.path, { appendonly: 'no' });
  const words = ['--appendonly yes', '--dir', './', '--dbfilename', 'own name.rdb'];
  const driver = driverOf([[...subject.instance.command, ...words]]);
  await start(...words);
  await set('captured');
  expect((await driver.check()).filter(({ level }) => level !== 'ok')).toEqual([]);
  const record = await capture(driver, repository);
  expect(record.facts).not.toHaveProperty('configDiffers');
  expect(await restored(driver, record, ...words)).toEqual({ notes: [], told: [] });
  expect(await left()).toContain('own name.rdb');
  expect(await left()).not.toContain('dump.rdb');
});

test('F3: other names by arguments that nobody tells are served beside those of the file', async () => {
  subject = await makeRedisSubject(folder.path, { appendonly: 'yes', dbfilename: '"ümlaut.rdb"' });
  const own = ['--dbfilename', 'own.rdb', '--appenddirname', 'own', '--appendfilename', 'own.aof'];
  await start(...own);
  await set('captured');
  const driver = driverOf();
  const record = await capture(driver, repository);
  await restored(driver, record, ...own);
  const names = ['own', 'own.rdb', 'own/own.aof.1.base.rdb', 'own/own.aof.1.incr.aof', 'own/own.aof.manifest'];
  const inFile = ['appendonlydir', 'appendonlydir/appendonly.aof.manifest', 'ümlaut.rdb'];
  expect(await left()).toEqual([...names, ...inFile].toSorted());
  const { told } = await restored(driver, record, '--appendonly', 'no');
  expect(told).toEqual([contains('`appendonly no`'), contains('`dbfilename own.rdb`')]);
  expect(await left()).toEqual([...inFile, 'own', 'own.rdb', 'own/own.aof.manifest'].toSorted());
  expect((await driver.check()).map(({ text }) => text)).toEqual(
    expect.arrayContaining([contains('appendonly yes` is refused'), contains('`dbfilename own.rdb`: since')]),
  );
  await refused('--appendonly', 'no', '--dbfilename', 'own.rdb');
  await refused('--appenddirname', 'own', '--appendfilename', 'own.aof');
});

test('F3: a folder by its relative name or by a link is the same, one that an argument names is where it was captured', async () => {
  subject = await makeRedisSubject(folder.path, { dir: './' });
  const link = join(folder.path, 'link');
  await symlink(subject.config.dataDirectory, link);
  const warnings = async (driver: ReturnType<typeof driverOf>) =>
    (await driver.check()).filter(({ level }) => level !== 'ok').map(({ text }) => text);
  await start();
  await set('captured');
  expect(await warnings(driverOf([], link))).toEqual([]);
  await restart('--dir', link);
  expect(await warnings(driverOf([[...subject.instance.command, '--dir', link]]))).toEqual([]);

  const { configFile } = subject.instance;
  await writeFile(configFile, `port ${subject.config.port}\nrequirepass ${password}\ndir ${folder.path}\nsave ""\n`);
  const words = ['--dir', subject.config.dataDirectory, '--appendonly', 'yes'];
  await restart(...words);
  const driver = driverOf();
  expect(await warnings(driver)).toEqual([contains('`appendonly`'), contains('`dir`')]);
  const record = await capture(driver, repository);
  expect((await driver.restoreTargets(record)).flatMap(({ problems }) => problems)).toEqual([]);
  await restored(driver, record, ...words);
  await access(join(subject.config.dataDirectory, 'appendonlydir'));
});

test('F3: a server behind a program that is not known is found whichever way it starts; started otherwise, it is told', async () => {
  subject = await makeRedisSubject(folder.path, { appendonly: 'yes' });
  await start('--appendonly', 'no', '--dbfilename', 'appendonlydir');
  await set('captured');
  const driver = driverOf([['sudo', 'docker', 'start', '-a', 'redis-server']]);
  const taken = await capture(driver, repository);
  const stage = driver.stage(contextOf({ repository, record: taken, token: token(1001) }));
  await expect(stage).rejects.toMatchObject({ code: 'Precondition', message: contains('both be `appendonlydir`') });
  expect((await driver.check()).map(({ text }) => text)).toContainEqual(contains('both be `appendonlydir`'));

  await restart('--appendonly', 'no');
  await set('captured');
  const { told } = await restored(driver, await capture(driver, repository));
  expect(told).toEqual([contains('a start with `appendonly no` would read the dump')]);
});

test('a captured redis.conf that somebody wrote cannot lead out of the data directory', async () => {
  subject = await makeRedisSubject(folder.path);
  await start();
  await set('captured');
  const record = await capture(driverOf(), repository);
  await rm(subject.instance.configFile);
  const hostile: Repository = {
    ...repository,
    readFile: async (indexId, path) =>
      path.endsWith('.conf') ? Buffer.from('dbfilename ../../planted\n') : repository.readFile(indexId, path),
  };
  await expect(driverOf().stage(contextOf({ repository: hostile, record, token: token(1001) }))).rejects.toMatchObject({
    code: 'ManifestInvalid',
    message: contains('../../planted'),
  });
});

test('a server that loads its data is not ready, and is waited for', async () => {
  subject = await makeRedisSubject(folder.path, { appendonly: 'no', rdbcompression: 'no' });
  await start();
  await withClient(subject.instance, async (client) => {
    for (let key = 0; key < 40; key++) await client.set(`key ${key}`, 'value'.repeat(300));
    await client.save();
  });
  await running?.stop();
  await startUntil(answersThatItLoads, [
    '--key-load-delay',
    '25000',
    '--loading-process-events-interval-bytes',
    '1024',
  ]);
  expect(await driverOf().ready?.(AbortSignal.timeout(60_000))).toEqual({
    ready: false,
    detail: 'Redis still loads its data',
  });
  const ended = withRedis(endpoint(), async (client) => client.dbsize(), { signal: AbortSignal.timeout(50) });
  await expect(ended).rejects.toMatchObject({ code: 'EngineUnavailable' });
  expect(await withRedis(endpoint(), async (client) => client.dbsize())).toBe(40);
});
