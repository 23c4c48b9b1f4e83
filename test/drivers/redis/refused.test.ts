/** Commands that `rename-command` takes away or an ACL forbids: each ends in a backup, or in an error that names it. */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RedisConfig } from '../../../src/domain/appliance.ts';
import { isLifeboatError } from '../../../src/domain/errors.ts';
import { createRedisDriver } from '../../../src/drivers/redis/driver.ts';
import { readFacts } from '../../../src/drivers/redis/facts.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { capture, makeRepository } from '../../contracts/driver-fixture.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { withClient } from './sample.ts';
import { makeRedisSubject, type RedisSubject } from './subject.ts';

let folder: TemporaryFolder;
let repository: Repository;
let subject: RedisSubject;

beforeEach(async () => {
  folder = await temporaryFolder('redis-refused');
  repository = await makeRepository(join(folder.path, 'repository'));
});
afterEach(async () => {
  await subject.dispose();
  await repository.close();
  await folder.remove();
});

async function begin(settings: Record<string, string>): Promise<void> {
  subject = await makeRedisSubject(folder.path, { 'repl-diskless-sync-delay': '0', ...settings });
  await subject.start();
  // The client of the tests itself asks INFO when it connects.
  if (settings['rename-command'] === 'INFO ""') return;
  await withClient(subject.instance, (client) => client.set('key', 'value'));
}

function driverWith(config: Partial<RedisConfig>): ReturnType<typeof createRedisDriver> {
  return createRedisDriver(
    { ...subject.config, ...config },
    {
      target: createProcessTarget(),
      stateDir: join(folder.path, 'state'),
      secret: async (ref) => (ref?.from === 'literal' ? ref.value : undefined),
    },
  );
}

const contains = (text: string): string => expect.stringContaining(text) as string;

/** The driver on the folder of the server, and on one that is not here. */
const both = (config: Partial<RedisConfig> = {}) =>
  [driverWith(config), driverWith({ ...config, dataDirectory: join(folder.path, 'not-here') })] as const;

/** Whatever does not work is named by a hint of the backup, and before it by doctor. */
async function failures(driver: ReturnType<typeof createRedisDriver>, hint: string): Promise<'ok' | 'named'> {
  const failure = await capture(driver, repository).then(
    () => undefined,
    (error: unknown) => error,
  );
  const found = (await driver.check()).filter(({ level }) => level === 'fail').map((each) => each.hint);
  if (failure === undefined) return 'ok';
  expect(isLifeboatError(failure) ? failure.hint : failure).toContain(hint);
  expect(found).toContainEqual(contains(hint));
  return 'named';
}

describe('CONFIG', () => {
  const files = { dbfilename: 'other.rdb', appendonly: 'yes', appendfilename: 'other.aof' };

  test('renamed, the names of the files are those that the next start will use', async () => {
    await begin({ 'rename-command': 'CONFIG ""', ...files });
    const record = await capture(subject.driver, repository);
    expect(record.facts).toMatchObject({ keys: 1, way: 'save' });
    expect(await readFacts({ repository, record })).toMatchObject({
      dumpName: 'other.rdb',
      appendOnly: true,
      appendName: 'other.aof',
    });
    const findings = (await subject.driver.check()).filter(({ level }) => level !== 'ok');
    const hint = contains('take `rename-command CONFIG` out of');
    expect(findings).toMatchObject([{ level: 'warn', text: contains('`other.rdb`'), hint }]);
  });

  test('renamed, and the file is not to be read: the dump comes without a name, or CONFIG is the cause that is named', async () => {
    await begin({ 'rename-command': 'CONFIG ""', ...files });
    await chmod(subject.instance.configFile, 0);
    const driver = driverWith({ configFiles: [] });
    const record = await capture(driver, repository);
    expect(record.facts).toMatchObject({ keys: 1, way: 'replication' });
    const hint = contains('take `rename-command CONFIG` out of');
    const found = async () => (await driver.check()).filter(({ name }) => name === 'redis: settings');
    expect((await found())[0]).toMatchObject({
      text: contains('the names of the dump and of append-only files are not known'),
      hint,
    });
    await withClient(subject.instance, (client) => client.call('ACL', 'SETUSER', 'default', '-psync'));
    await expect(capture(driver, repository)).rejects.toMatchObject({ code: 'SourceEmpty', hint });
    expect((await found())[0]).toMatchObject({ hint: contains('to `configFiles` of `redis`') });
  });

  test('forbidden to the user, the right that it lacks is named', async () => {
    await begin(files);
    await withClient(subject.instance, (client) =>
      client.call('ACL', 'SETUSER', 'backup', 'on', '>pw', '~*', '&*', '+@all', '-config'),
    );
    const driver = driverWith({ username: 'backup', password: { from: 'literal', value: 'pw' } });
    expect((await driver.check()).filter(({ level }) => level !== 'ok')).toMatchObject([
      { level: 'warn', text: contains('`other.rdb`'), hint: 'run: ACL SETUSER backup +config|get' },
    ]);
    expect((await capture(driver, repository)).facts).toMatchObject({ keys: 1, way: 'save' });
    await withClient(subject.instance, (client) => client.call('ACL', 'SETUSER', 'backup', '+config|get'));
    expect((await driver.check()).filter(({ level }) => level !== 'ok')).toEqual([]);
  });
});

/** What this driver sends, and how a backup ends without it: on the server's host, and from elsewhere. */
const commands: Readonly<Record<string, readonly [here: 'ok' | 'named', elsewhere: 'ok' | 'named']>> = {
  INFO: ['named', 'named'],
  BGSAVE: ['named', 'ok'],
  PSYNC: ['ok', 'named'],
  PING: ['ok', 'ok'],
  REPLCONF: ['ok', 'ok'],
  CONFIG: ['ok', 'ok'],
  COMMAND: ['ok', 'ok'],
  ACL: ['ok', 'ok'],
  PUBSUB: ['ok', 'ok'],
};

test('each command that an ACL forbids is named with its right, by doctor and by the backup, or is not needed', async () => {
  await begin({});
  for (const [command, expected] of Object.entries(commands)) {
    const word = command.toLowerCase();
    await withClient(subject.instance, (client) =>
      client.call('ACL', 'SETUSER', 'backup', 'reset', 'on', '>pw', '~*', '&*', '+@all', `-${word}`),
    );
    const drivers = both({ username: 'backup', password: { from: 'literal', value: 'pw' } });
    const ends: string[] = [];
    for (const driver of drivers) ends.push(await failures(driver, `ACL SETUSER backup +${word}`));
    expect([command, ...ends]).toEqual([command, ...expected]);
  }
});

test.each(Object.entries(commands))(
  'a renamed %s is named by doctor and by the backup, or is not needed',
  async (command, expected) => {
    await begin({ 'rename-command': `${command} ""` });
    const ends: string[] = [];
    for (const driver of both()) ends.push(await failures(driver, `take \`rename-command ${command}\` out of`));
    expect(ends).toEqual(expected);
  },
);

test('a server is ready where INFO and PING are refused, and nothing is written to the terminal', async () => {
  await begin({ 'rename-command': 'PING ""' });
  await withClient(subject.instance, (client) =>
    client.call('ACL', 'SETUSER', 'backup', 'on', '>pw', '~*', '&*', '+@all', '-info'),
  );
  const written = vi.spyOn(console, 'warn');
  const driver = driverWith({ username: 'backup', password: { from: 'literal', value: 'pw' } });
  expect(await driver.ready?.(AbortSignal.timeout(60_000))).toEqual({ ready: true, detail: 'answers' });
  expect((await driver.check()).filter(({ level }) => level === 'fail')).toMatchObject([
    { hint: 'run: ACL SETUSER backup +info' },
  ]);
  expect(written).not.toHaveBeenCalled();
  written.mockRestore();
});

test('the rights that the guide names are enough, and what doctor cannot ask it does not call wrong', async () => {
  await begin({});
  const rights = ['+info', '+bgsave', '+config|get', '+psync', '+replconf'];
  await withClient(subject.instance, (client) => client.call('ACL', 'SETUSER', 'backup', 'on', '>pw', ...rights));
  for (const driver of both({ username: 'backup', password: { from: 'literal', value: 'pw' } })) {
    expect((await driver.check()).filter(({ level }) => level === 'fail')).toEqual([]);
    expect((await capture(driver, repository)).facts).toMatchObject({ keys: 1 });
  }
});
