/** A server that is not one server with all of the data: a replica, a node of a cluster, watched by a Sentinel. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startEngine } from '../../../src/dev/engine-process.ts';
import { findRedisServer } from '../../../src/dev/engines.ts';
import { freePort } from '../../../src/dev/free-ports.ts';
import { startRedis, type RunningRedis } from '../../support/redis.ts';
import { captureNotes, restoreNotes } from '../../../src/domain/capture-notes.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
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
const started: { kill(): Promise<unknown> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder('redis-deployment');
  repository = await makeRepository(join(folder.path, 'repository'));
});
afterEach(async () => {
  await subject.dispose();
  for (const each of started.splice(0)) await each.kill();
  await repository.close();
  await folder.remove();
});

const contains = (text: string): string => expect.stringContaining(text) as string;
const findings = async (level: string) => (await subject.driver.check()).filter((each) => each.level === level);
const problems = async (record: ComponentRecord) =>
  (await subject.driver.restoreTargets(record)).flatMap((target) => target.problems);

async function untilReplication(line: string): Promise<void> {
  await waitFor(async () =>
    expect(await withClient(subject.instance, (client) => client.info('replication'))).toContain(line),
  );
}

async function primaryAndReplica(): Promise<RunningRedis> {
  const primary = await startRedis({
    directory: join(folder.path, 'primary'),
    password,
    settings: { 'repl-diskless-sync-delay': '0' },
  });
  started.push(primary);
  subject = await makeRedisSubject(folder.path, { replicaof: `127.0.0.1 ${primary.port}`, masterauth: password });
  await withClient(primary, (client) => client.set('of the primary', 'yes'));
  await subject.start();
  await untilReplication('master_link_status:up');
  return primary;
}

test('a connected replica is captured with a word on it; without its link doctor and capture refuse it', async () => {
  const primary = await primaryAndReplica();
  const address = `127.0.0.1:${primary.port}`;
  expect(await findings('fail')).toEqual([]);
  expect(await findings('warn')).toMatchObject([
    { name: 'redis: deployment', text: contains(`is a replica of ${address}`), hint: contains(address) },
    { name: 'redis: deployment', text: contains(`next start makes the server a replica of ${address}`) },
  ]);
  const { facts } = await capture(subject.driver, repository);
  expect(facts).toMatchObject({ role: 'replica', primary: address, startsAsReplicaOf: address, lagBytes: 0 });
  expect(captureNotes(facts)).toEqual([contains(`is a replica of ${address}`)]);
  expect(restoreNotes(facts)).toEqual([contains(`is a replica of ${address}`)]);

  await primary.kill();
  await untilReplication('master_link_status:down');
  const refusal = { code: 'EngineUnavailable', message: contains('without a link to it'), hint: contains(address) };
  await expect(capture(subject.driver, repository)).rejects.toMatchObject(refusal);
  const { message: text, hint } = refusal;
  expect(await findings('fail')).toMatchObject([{ name: 'redis: server', text, hint }]);
  await withClient(subject.instance, (client) => client.replicaof('NO', 'ONE'));
  expect((await capture(subject.driver, repository)).facts).not.toHaveProperty('role');
});

test('a replica that still copies its primary is refused, not taken for empty', async () => {
  const primary = await startRedis({
    directory: join(folder.path, 'primary'),
    password,
    settings: { 'repl-diskless-sync-delay': '0', 'rdb-key-save-delay': '500000' },
  });
  started.push(primary);
  await withClient(primary, async (client) => {
    for (let key = 0; key < 40; key++) await client.set(`key ${key}`, 'x');
  });
  subject = await makeRedisSubject(folder.path, { replicaof: `127.0.0.1 ${primary.port}`, masterauth: password });
  await subject.start();
  await untilReplication('master_sync_in_progress:1');
  await expect(capture(subject.driver, repository)).rejects.toMatchObject({
    code: 'EngineUnavailable',
    message: contains('still copies its data'),
    hint: contains('wait until'),
  });
});

test('a start as a replica is refused in the plan, by the file that is there, else by the captured one', async () => {
  const primary = await primaryAndReplica();
  const record = await capture(subject.driver, repository);
  const refusal = {
    code: 'Precondition',
    message: contains(`as a replica of 127.0.0.1:${primary.port}`),
    hint: contains('remove `replicaof`'),
  };
  expect(await problems(record)).toMatchObject([refusal]);
  const { configFile } = subject.instance;
  const text = await readFile(configFile, 'utf8');
  await writeFile(configFile, text.replace('replicaof', 'slaveof'));
  expect(await problems(record)).toMatchObject([refusal]);
  await writeFile(configFile, `${text}slaveof no one\n`);
  expect(await problems(record)).toEqual([]);
  await writeFile(configFile, text);
  const started = createRedisDriver(subject.config, {
    target: createProcessTarget(),
    stateDir: folder.path,
    secret: async () => undefined,
    startCommands: [['redis-server', configFile, '--replicaof', 'no', 'one']],
  });
  expect((await started.restoreTargets(record)).flatMap((target) => target.problems)).toEqual([]);
  await rm(configFile);
  expect(await problems(record)).toMatchObject([refusal]);

  // Neither file nor command can be seen: it starts as it ran, as far as is known.
  const config = { ...subject.config, configFiles: [] };
  const secret = async () => password;
  const blind = createRedisDriver(config, { target: createProcessTarget(), stateDir: folder.path, secret });
  const unseen = await capture(blind, repository);
  expect((await blind.restoreTargets(unseen)).flatMap((target) => target.problems)).toMatchObject([
    { code: 'Precondition', hint: contains('name that file in `configFiles`') },
  ]);
  // A replica by command alone starts as a primary, and so does what is captured of it.
  await writeFile(configFile, text.replace(/^replicaof.*$/m, ''));
  const byCommand = await capture(subject.driver, repository);
  expect(byCommand.facts).toMatchObject({ role: 'replica' });
  await rm(configFile);
  expect(await problems(byCommand)).toEqual([]);
});

test('a restored server that became a replica by other means fails its probe', async () => {
  const primary = await primaryAndReplica();
  const record = await capture(subject.driver, repository);
  const probe = () => subject.driver.probe(contextOf({ repository, record, token: token(4001) }));
  expect(broken(await probe())).toMatchObject([
    { name: 'role of the server', expected: 'primary', actual: contains(`replica of 127.0.0.1:${primary.port}`) },
  ]);
  await withClient(subject.instance, (client) => client.replicaof('NO', 'ONE'));
  expect(broken(await probe())).toEqual([]);
});

test('a node of a cluster is captured with a word on it, and a restore into the cluster is refused in the plan', async () => {
  subject = await makeRedisSubject(folder.path, { 'cluster-enabled': 'yes' });
  await subject.start();
  await withClient(subject.instance, async (client) => {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
    await waitFor(() => client.set('of the node', 'yes'));
  });
  expect(await findings('warn')).toMatchObject([
    { name: 'redis: deployment', text: contains('one node of a cluster'), hint: contains('--cluster import') },
  ]);
  const record = await capture(subject.driver, repository);
  expect(captureNotes(record.facts)).toEqual([contains('one node of a cluster')]);
  const refusal = {
    code: 'Precondition',
    message: contains('node of a cluster'),
    hint: contains('cluster-enabled no'),
  };
  expect(await problems(record)).toMatchObject([refusal]);
  const { configFile } = subject.instance;
  const text = await readFile(configFile, 'utf8');
  await rm(configFile);
  expect(await problems(record)).toMatchObject([refusal]);
  await writeFile(configFile, text.replace('cluster-enabled yes', 'cluster-enabled no'));
  expect(await problems(record)).toEqual([]);
});

test('a Sentinel is no server; the server that it watches is told of, for it may become a replica', async () => {
  subject = await makeRedisSubject(folder.path);
  await subject.start();
  await subject.seed();
  const port = await freePort();
  const configFile = join(folder.path, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    `dir ${folder.path}`,
    `sentinel monitor main 127.0.0.1 ${subject.config.port} 1`,
    `sentinel auth-pass main ${password}`,
  ];
  await writeFile(configFile, `${lines.join('\n')}\n`);
  const sentinel = { hostname: '127.0.0.1', port, password: undefined } as const;
  started.push(
    await startEngine({
      name: 'Sentinel',
      command: [findRedisServer(), configFile, '--sentinel'],
      cwd: folder.path,
      logFile: join(folder.path, 'sentinel.log'),
      user: undefined,
      stopSignal: 'SIGTERM',
      answers: async () => void (await withClient(sentinel, (client) => client.ping())),
      detached: false,
    }),
  );
  await waitFor(async () =>
    expect(await findings('warn')).toMatchObject([
      {
        name: 'redis: deployment',
        text: contains('a Sentinel watches the server'),
        hint: contains('SENTINEL REMOVE'),
      },
    ]),
  );
  const record = await capture(subject.driver, repository);
  expect(restoreNotes(record.facts)).toEqual([contains('a Sentinel watches the server')]);
  const misled = createRedisDriver(
    { ...subject.config, port, password: undefined },
    { target: createProcessTarget(), stateDir: folder.path, secret: async () => undefined },
  );
  const refusal = { code: 'ConfigInvalid', message: contains('is a Sentinel'), hint: contains('`port` of `redis`') };
  await expect(capture(misled, repository)).rejects.toMatchObject(refusal);
  expect((await misled.check()).filter(({ level }) => level === 'fail')).toMatchObject([{ hint: refusal.hint }]);
});
