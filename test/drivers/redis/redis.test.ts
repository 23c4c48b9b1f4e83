import { access, chmod, mkdir, readFile, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { restoreNotes } from '../../../src/domain/capture-notes.ts';
import { prepareRedis } from '../../../src/dev/redis.ts';
import { freePort } from '../../../src/dev/free-ports.ts';
import type { RedisConfig, TlsConfig } from '../../../src/domain/appliance.ts';
import type { ComponentRecord } from '../../../src/domain/recovery-point.ts';
import { createRedisDriver } from '../../../src/drivers/redis/driver.ts';
import { isDamaged } from '../../../src/drivers/redis/damage.ts';
import { readFacts } from '../../../src/drivers/redis/facts.ts';
import { withPrivateServer } from '../../../src/drivers/redis/private-server.ts';
import { findServerBinary } from '../../../src/drivers/redis/server-binary.ts';
import { makeStaging, stagingPath } from '../../../src/drivers/swap/staging.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { broken, capture, contextOf, makeRepository, token } from '../../contracts/driver-fixture.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { takeGibibyte } from '../../support/full-disk.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { fill, sampleKeys, withClient } from './sample.ts';
import { makeRedisSubject, password, withFacts, type RedisSubject } from './subject.ts';

let folder: TemporaryFolder;
let repository: Repository;
let subject: RedisSubject;

async function begin(settings: Record<string, string> = {}): Promise<void> {
  subject = await makeRedisSubject(folder.path, settings);
  await subject.start();
  await subject.seed();
}

function driverWith(config: Partial<RedisConfig>): ReturnType<typeof createRedisDriver> {
  const secret = async (ref: RedisConfig['password']): Promise<string | undefined> =>
    ref?.from === 'literal' ? ref.value : undefined;
  return createRedisDriver(
    { ...subject.config, ...config },
    { target: createProcessTarget(), stateDir: join(folder.path, 'state'), secret },
  );
}

beforeEach(async () => {
  folder = await temporaryFolder('redis');
  repository = await makeRepository(join(folder.path, 'repository'));
});
afterEach(async () => {
  await subject.dispose();
  await repository.close();
  await folder.remove();
});

describe('capture', () => {
  test('X5: a save that somebody else began is waited for, not taken: what was written after it is captured', async () => {
    await begin({ 'rdb-key-save-delay': '300' });
    await withClient(subject.instance, async (client) => {
      await client.bgsave();
      await client.set('written after', 'the other save began');
    });
    const record = await capture(subject.driver, repository);
    expect(record).toMatchObject({
      quiescence: 'snapshot',
      facts: { keys: sampleKeys + 1, expiring: 501, way: 'save' },
    });
  });

  test.each(['yes', 'no'])(
    'a Redis whose disk is elsewhere comes over the replication stream (diskless: %s), every key',
    async (diskless) => {
      await begin({ 'repl-diskless-sync': diskless, 'repl-diskless-sync-delay': '0' });
      const remote = driverWith({ dataDirectory: join(folder.path, 'not-here') });
      const record = await capture(remote, repository);
      expect(record.facts).toMatchObject({ keys: sampleKeys, expiring: 501, way: 'replication' });
      const results = await remote.probe(contextOf({ repository, record, token: token(4001) }));
      expect(results).toEqual([expect.objectContaining({ ok: true, name: 'value and expiry of every key' })]);
    },
  );

  test('a Redis that speaks TLS is captured and proven, by save and by replication, and believed only by its certificate', async () => {
    const { cert, key } = await makeCertificate(folder.path, 'redis.test');
    const port = await freePort();
    await begin({
      'tls-port': String(port),
      'tls-cert-file': cert,
      'tls-key-file': key,
      'tls-ca-cert-file': cert,
      'tls-auth-clients': 'no',
      'repl-diskless-sync-delay': '0',
    });
    const none: TlsConfig = { ca: undefined, cert: undefined, key: undefined, serverName: undefined };
    const tls = { ...none, ca: cert, serverName: 'redis.test' };
    for (const dataDirectory of [subject.config.dataDirectory, join(folder.path, 'not-here')]) {
      const remote = driverWith({ dataDirectory, port, tls });
      const record = await capture(remote, repository);
      const way = dataDirectory === subject.config.dataDirectory ? 'save' : 'replication';
      expect(record.facts).toMatchObject({ keys: sampleKeys, expiring: 501, way });
      const results = await remote.probe(contextOf({ repository, record, token: token(4001) }));
      expect(results).toEqual([expect.objectContaining({ ok: true, name: 'value and expiry of every key' })]);
    }
    await expect(capture(driverWith({ port, tls: none }), repository)).rejects.toMatchObject({
      code: 'AuthFailed',
      hint: expect.stringContaining('`tls.ca`') as string,
    });
    await expect(
      capture(driverWith({ port, tls: { ...tls, serverName: undefined } }), repository),
    ).rejects.toMatchObject({ code: 'AuthFailed', hint: expect.stringContaining('`tls.serverName`') as string });
  });

  test('a service that forbids replication is named, with what to do instead', async () => {
    await begin();
    await withClient(subject.instance, async (client) => {
      await client.call('ACL', 'SETUSER', 'backup', 'on', '>backup-canary', '~*', '&*', '+@all', '-psync', '-sync');
    });
    const remote = driverWith({
      dataDirectory: join(folder.path, 'not-here'),
      username: 'backup',
      password: { from: 'literal', value: 'backup-canary' },
    });
    await expect(capture(remote, repository)).rejects.toMatchObject({
      code: 'PermissionDenied',
      hint: expect.stringContaining('forbids replication') as string,
    });
  });

  test('a wrong password is AuthFailed, and stands nowhere in the error', async () => {
    await begin();
    const wrong = 'canary-wrong-password';
    for (const dataDirectory of [subject.config.dataDirectory, join(folder.path, 'not-here')]) {
      const error = await capture(
        driverWith({ dataDirectory, password: { from: 'literal', value: wrong } }),
        repository,
      ).catch((thrown: unknown) => thrown as Error);
      expect(error).toMatchObject({ code: 'AuthFailed', component: 'redis' });
      expect(everythingIn(error)).not.toMatch(/canary/);
    }
    const findings = await driverWith({ password: { from: 'literal', value: wrong } }).check();
    expect(findings[0]).toMatchObject({ level: 'fail' });
    expect(JSON.stringify(findings)).not.toMatch(/canary/);
  });

  test.each(['BGSAVE', 'PSYNC'])('a renamed %s is foreseen by doctor, and a backup names it', async (command) => {
    await begin({ 'rename-command': `${command} ""`, 'repl-diskless-sync-delay': '0' });
    // Only the way that needs the command misses it.
    const elsewhere = driverWith({ dataDirectory: join(folder.path, 'not-here') });
    const [driver, other] = command === 'PSYNC' ? [elsewhere, subject.driver] : [subject.driver, elsewhere];
    const failures = async (asked: typeof driver) => (await asked.check()).filter(({ level }) => level === 'fail');
    const hint = expect.stringContaining(`take \`rename-command ${command}\` out of`) as string;
    expect(await failures(driver)).toMatchObject([{ text: expect.stringContaining(command) as string, hint }]);
    expect(await failures(other)).toEqual([]);
    const named = { message: expect.stringMatching(new RegExp(command, 'i')) as string, hint };
    await expect(capture(driver, repository)).rejects.toMatchObject(named);
  });

  test('without INFO doctor names the command, not the way to the server', async () => {
    subject = await makeRedisSubject(folder.path, { 'rename-command': 'INFO ""' });
    await subject.start();
    expect((await subject.driver.check()).filter(({ level }) => level === 'fail')).toMatchObject([
      { name: 'redis: server', hint: expect.stringContaining('take `rename-command INFO` out of') as string },
    ]);
  });

  test.each(['bgsave', 'psync'])(
    'an ACL user that may not call %s is told of by doctor, with the right',
    async (command) => {
      await begin();
      await withClient(subject.instance, async (client) =>
        client.call('ACL', 'SETUSER', 'backup', 'on', '>pw', '~*', '+@all', `-${command}`),
      );
      const user = { username: 'backup', password: { from: 'literal', value: 'pw' } } as const;
      const place = command === 'psync' ? { dataDirectory: join(folder.path, 'not-here') } : {};
      const findings = (await driverWith({ ...user, ...place }).check()).filter(({ level }) => level === 'fail');
      expect(findings).toEqual([
        {
          name: 'redis: commands',
          level: 'fail',
          text: `${command.toUpperCase()} is forbidden to the user: no backup can be made`,
          hint: `run: ACL SETUSER backup +${command}`,
        },
      ]);
      await withClient(subject.instance, async (client) => client.call('ACL', 'SETUSER', 'backup', `+${command}`));
      expect((await driverWith({ ...user, ...place }).check()).filter(({ level }) => level === 'fail')).toEqual([]);
    },
  );

  test('a server that is down is EngineUnavailable', async () => {
    await begin();
    await subject.stop();
    await expect(capture(subject.driver, repository)).rejects.toMatchObject({ code: 'EngineUnavailable' });
  });

  test('a save that fails is EngineFailed, not the dump of yesterday', async () => {
    await begin();
    await capture(subject.driver, repository);
    await chmod(subject.instance.dataDirectory, 0o500);
    try {
      await expect(capture(subject.driver, repository)).rejects.toMatchObject({ code: 'EngineFailed' });
    } finally {
      await chmod(subject.instance.dataDirectory, 0o700);
    }
  });

  test('a dump of another folder than the server saves to is never taken', async () => {
    await begin();
    const other = join(folder.path, 'other');
    const elsewhere = await makeRedisSubject(other);
    await writeFile(join(elsewhere.instance.dataDirectory, 'dump.rdb'), 'REDIS0010 old');
    const past = new Date(Date.now() - 60_000);
    await utimes(join(elsewhere.instance.dataDirectory, 'dump.rdb'), past, past);
    const misled = driverWith({ dataDirectory: elsewhere.instance.dataDirectory });
    await expect(capture(misled, repository)).rejects.toMatchObject({
      code: 'EngineFailed',
      hint: expect.stringContaining('dataDirectory') as string,
    });
  });

  test('X16: a configured file that is missing fails the capture and is named', async () => {
    await begin();
    const acl = join(folder.path, 'users.acl');
    await expect(capture(driverWith({ configFiles: [acl] }), repository)).rejects.toMatchObject({
      code: 'SourceEmpty',
      message: expect.stringContaining(acl) as string,
    });
  });
});

describe('restore', () => {
  async function restored(record: ComponentRecord): Promise<void> {
    const staged = token(1001);
    await subject.driver.stage(contextOf({ repository, record, token: staged }));
    expect(
      broken(await subject.driver.validate(contextOf({ repository, record, token: token(2001), staged }))),
    ).toEqual([]);
    await subject.driver.swap(contextOf({ repository, record, token: token(3001), staged }));
    await subject.start();
  }

  test('X5: without append-only files a restore leaves none behind that could later win over newer data', async () => {
    await begin({ appendonly: 'no' });
    const record = await capture(subject.driver, repository);
    await subject.destroy();
    await restored(record);
    expect(broken(await subject.driver.probe(contextOf({ repository, record, token: token(4001) })))).toEqual([]);
    await subject.driver.commit(contextOf({ repository, record, token: token(5001) }));
    await expect(access(join(subject.instance.dataDirectory, 'appendonlydir'))).rejects.toThrow('ENOENT');
  });

  test('X5: other names of dump, folder and files are kept, and what is written after the restore survives a restart', async () => {
    await begin({ dbfilename: 'companion.rdb', appenddirname: 'aof', appendfilename: 'companion.aof' });
    const record = await capture(subject.driver, repository);
    await subject.destroy();
    await restored(record);
    await withClient(subject.instance, (client) => client.set('after', 'the restore'));
    await subject.stop();
    await subject.start();
    expect(await withClient(subject.instance, (client) => client.get('after'))).toBe('the restore');
    expect(broken(await subject.driver.probe(contextOf({ repository, record, token: token(4001) })))).toEqual([]);
  });

  test('F3: a redis.conf that was changed without a restart decides where the restored keys must lie', async () => {
    const settings: Record<string, string> = { appendonly: 'no' };
    await begin(settings);
    Object.assign(settings, { appendonly: 'yes', appendfilename: '"my file.aof"' });
    await prepareRedis({ directory: join(folder.path, 'redis'), password, port: subject.config.port, settings });
    const warned = (await subject.driver.check()).filter(({ level }) => level === 'warn').map(({ text }) => text);
    expect(warned.map((text) => text.split(' ', 1)[0])).toEqual(['`appendonly`', '`appendfilename`']);

    const record = await capture(subject.driver, repository);
    expect(record.facts).toMatchObject({ configDiffers: ['appendonly', 'appendfilename'] });
    expect(restoreNotes(record.facts).join()).toContain('appendonly, appendfilename');
    await subject.destroy();
    await restored(record);
    expect(broken(await subject.driver.probe(contextOf({ repository, record, token: token(4001) })))).toEqual([]);
    await withClient(subject.instance, (client) => client.set('after', 'the restore'));
    await subject.stop();
    await subject.start();
    expect(await withClient(subject.instance, (client) => client.get('after'))).toBe('the restore');
  });

  test('F3: a server that starts on another folder than the configured one is refused in the plan', async () => {
    const settings: Record<string, string> = {};
    await begin(settings);
    const record = await capture(subject.driver, repository);
    settings['dir'] = folder.path;
    await prepareRedis({ directory: join(folder.path, 'redis'), password, port: subject.config.port, settings });
    const problemsOf = async () => (await subject.driver.restoreTargets(record)).flatMap(({ problems }) => problems);
    expect(await problemsOf()).toMatchObject([
      { code: 'Precondition', message: expect.stringContaining(`dir ${folder.path}`) as string },
    ]);
    settings['dir'] = `${subject.config.dataDirectory}/`;
    await prepareRedis({ directory: join(folder.path, 'redis'), password, port: subject.config.port, settings });
    expect(await problemsOf()).toEqual([]);
  });

  test('a redis.conf that the disaster took comes back; one that is there is left to the operator', async () => {
    await begin();
    const record = await capture(subject.driver, repository);
    const { configFile } = subject.instance;
    const captured = await readFile(configFile, 'utf8');
    await subject.destroy();
    await rm(configFile);
    await subject.driver.stage(contextOf({ repository, record, token: token(1001) }));
    await subject.driver.swap(contextOf({ repository, record, token: token(3001), staged: token(1001) }));
    expect(await readFile(configFile, 'utf8')).toBe(captured);
    await writeFile(configFile, `${captured}# rotated\n`);
    const next = (attempt: number) => token(attempt, '2026-01-02T00:00:00.000Z');
    await subject.driver.stage(contextOf({ repository, record, token: next(1001) }));
    await subject.driver.swap(contextOf({ repository, record, token: next(3001), staged: next(1001) }));
    expect(await readFile(configFile, 'utf8')).toContain('# rotated');
  });

  test('a server that still runs on the folder stops swap and undo, and is named', async () => {
    await begin();
    const record = await capture(subject.driver, repository);
    await subject.driver.stage(contextOf({ repository, record, token: token(1001) }));
    const swap = () => subject.driver.swap(contextOf({ repository, record, token: token(3001), staged: token(1001) }));
    await expect(swap()).rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringContaining('redis-server') as string,
    });
    await subject.stop();
    await swap();
    await subject.start();
    const undo = subject.driver.undo(contextOf({ repository, record, token: token(9001), staged: token(1001) }));
    await expect(undo).rejects.toMatchObject({ code: 'Precondition' });
  });

  test('a data directory whose parent cannot be written (a mounted volume) is exchanged child by child, and back', async () => {
    await begin();
    const record = await capture(subject.driver, repository);
    await withClient(subject.instance, (client) => client.set('plain', 'old data'));
    const { unlock } = await subject.lock();
    await subject.driver.stage(contextOf({ repository, record, token: token(1001) }));
    expect(
      broken(await subject.driver.validate(contextOf({ repository, record, token: token(2001), staged: token(1001) }))),
    ).toEqual([]);
    await subject.stop();
    await subject.driver.swap(contextOf({ repository, record, token: token(3001), staged: token(1001) }));
    await unlock();
    await subject.start();
    expect(broken(await subject.driver.probe(contextOf({ repository, record, token: token(4001) })))).toEqual([]);
    await subject.stop();
    await subject.lock();
    await subject.driver.undo(contextOf({ repository, record, token: token(9001), staged: token(1001) }));
    await unlock();
    await subject.start();
    expect(await withClient(subject.instance, (client) => client.get('plain'))).toBe('old data');
  });

  test('what a killed attempt staged makes room for the next one, where both do not fit', async () => {
    await begin();
    const record = await capture(subject.driver, repository);
    const leftover = await makeStaging(subject.config.dataDirectory, 'redis', token(1001));
    const dumpBytes = await takeGibibyte(join(leftover, 'dump.rdb'));
    const claimed = withFacts(repository, { dumpBytes });
    await subject.driver.stage(contextOf({ repository: claimed, record, token: token(1002) }));
    await expect(access(leftover)).rejects.toThrow('ENOENT');
    const checked = contextOf({ repository, record, token: token(2001), staged: token(1002) });
    expect(broken(await subject.driver.validate(checked))).toEqual([]);
  });

  test('D6.1: --replace-damaged deletes only what a server refuses to load, and only where two copies do not fit', async () => {
    await begin();
    const record = await capture(subject.driver, repository);
    const { dataDirectory } = subject.config;
    // Both sizes are claimed, not written: no disk has room for two such copies, and one such copy is live.
    await writeFile(join(dataDirectory, 'huge'), '');
    await truncate(join(dataDirectory, 'huge'), 2 ** 42);
    const claimed = withFacts(repository, { dumpBytes: 2 ** 42 });
    const stage = (replaceDamaged: boolean) =>
      subject.driver.stage(contextOf({ repository: claimed, record, token: token(1001), replaceDamaged }));
    await expect(stage(true)).rejects.toMatchObject({ code: 'Precondition', message: /still uses/ });
    await subject.stop();
    const good = { code: 'Precondition', message: `nothing is proven to be wrong with \`${dataDirectory}\`` };
    await expect(stage(true)).rejects.toMatchObject(good);
    // A crash cuts the end off: the server loads the rest.
    const append = join(dataDirectory, 'appendonlydir');
    const [incremental = ''] = (await readdir(append)).filter((name) => name.endsWith('.incr.aof'));
    await truncate(join(append, incremental), (await stat(join(append, incremental))).size - 3);
    await expect(stage(true)).rejects.toMatchObject(good);
    await writeFile(join(append, incremental), 'no commands');
    await expect(stage(false)).rejects.toMatchObject({ code: 'NoSpace' });
    expect(await readFile(join(append, incremental), 'utf8')).toBe('no commands');
    await stage(true);
    await expect(access(dataDirectory)).rejects.toThrow('ENOENT');
    await subject.driver.swap(contextOf({ repository, record, token: token(3001), staged: token(1001) }));
    await subject.start();
    expect(broken(await subject.driver.probe(contextOf({ repository, record, token: token(4001) })))).toEqual([]);
  });

  test('D6.1: a dump is as good as the server says of it, and no dump at all is lost', async () => {
    await begin({ appendonly: 'no' });
    const record = await capture(subject.driver, repository);
    await subject.stop();
    const binary = await findServerBinary(subject.config, createProcessTarget());
    const facts = await readFacts({ repository, record });
    const dump = join(subject.config.dataDirectory, facts.dumpName);
    const damaged = () => isDamaged(subject.config, createProcessTarget(), facts, binary);
    expect(await damaged()).toBe(false);
    const bytes = await readFile(dump);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(dump, bytes);
    expect(await damaged()).toBe(true);
    // What cannot be checked is not proven.
    expect(await isDamaged(subject.config, createProcessTarget(), facts, undefined)).toBe(false);
    await rm(dump);
    expect(await damaged()).toBe(true);
  });

  test('the private server, and what modules run in it, gets none of our secrets from the environment', async () => {
    await begin({ appendonly: 'no' });
    const empty = join(folder.path, 'empty');
    await mkdir(empty);
    vi.stubEnv('LIFEBOAT_TEST_SECRET', 'canary-in-environment');
    // The server writes its title over its environment: a shell before it tells what it was given.
    const { path, version } = (await findServerBinary(subject.config, createProcessTarget()))!;
    const [told, wrapper] = [join(folder.path, 'told'), join(folder.path, 'redis-wrapper')];
    await writeFile(wrapper, `#!/bin/sh\nenv > '${told}'\nexec '${path}' "$@"\n`, { mode: 0o755 });
    const options = {
      component: 'redis',
      target: createProcessTarget(),
      binary: { path: wrapper, version },
      folder: empty,
      append: undefined,
      modules: [],
      user: undefined,
      signal: new AbortController().signal,
    };
    await withPrivateServer(options, async (client) => client.ping());
    vi.unstubAllEnvs();
    const environment = await readFile(told, 'utf8');
    expect(environment).toContain(`PATH=${process.env['PATH']}`);
    expect(environment).not.toContain('canary');
  });

  test('D2.7: a staged dump that was spoiled does not validate', async () => {
    await begin();
    const record = await capture(subject.driver, repository);
    const staged = token(1001);
    await subject.driver.stage(contextOf({ repository, record, token: staged }));
    const dump = join(await stagingPath(subject.config.dataDirectory, 'redis', staged), 'dump.rdb');
    const bytes = await readFile(dump);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(dump, bytes);
    const results = await subject.driver.validate(contextOf({ repository, record, token: token(2001), staged }));
    expect(broken(results)).toHaveLength(1);
  });
});

describe('probe', () => {
  test('D6.5: a changed value, another expiry and a missing key are each named; new and expired keys are not faults', async () => {
    await begin();
    await withClient(subject.instance, (client) => client.set('short', 'lived', 'PX', 1500));
    const record = await capture(subject.driver, repository);
    const probe = () => subject.driver.probe(contextOf({ repository, record, token: token(4001) }));
    const expiry = Number(await withClient(subject.instance, (client) => client.call('PEXPIRETIME', 'short')));
    expect(broken(await probe())).toEqual([]);
    await withClient(subject.instance, async (client) => {
      await client.set('new', 'key');
      while (Date.now() <= expiry + 5) await client.ping();
      // Over, but in the dump until somebody asks for it.
      await client.get('short');
    });
    const [summary] = await probe();
    expect(summary).toMatchObject({
      ok: true,
      actual: `${sampleKeys} as captured, 1 expired, 0 different, 0 missing; 1 written since`,
    });
    await withClient(subject.instance, async (client) => {
      await client.hset('large:hash', 'field 7', 'spoiled-canary');
      await client.persist('session:3');
      await client.del('plain');
      await client.select(3);
      await client.del('elsewhere');
    });
    const faults = broken(await probe());
    const named = faults.slice(1).map(({ name, actual }) => `${name}: ${actual}`);
    expect(faults[0]).toMatchObject({ actual: expect.stringContaining('2 different, 2 missing') as string });
    expect(named.toSorted()).toEqual([
      'key elsewhere (database 3): absent',
      'key large:hash: value differs',
      'key plain: absent',
      'key session:3: expiry differs',
    ]);
    expect(JSON.stringify(faults)).not.toContain('canary');
  });

  test('the order inside sets and hashes and the layout of small ones do not matter, the elements do', async () => {
    await begin();
    const record = await capture(subject.driver, repository);
    await withClient(subject.instance, async (client) => {
      await client.config('SET', 'hash-max-listpack-entries', '0');
      await client.config('SET', 'zset-max-listpack-entries', '0');
      await client.config('SET', 'set-max-intset-entries', '0');
      for (const [kind, args] of [
        ['hset', ['small:hash', 'c', '1']],
        ['zadd', ['small:sorted', '1', 'e']],
        ['sadd', ['small:numbers', '5']],
      ] as const)
        await client.call(kind, ...args);
      await client.hdel('small:hash', 'c');
      await client.zrem('small:sorted', 'e');
      await client.srem('small:numbers', '5');
      expect(await client.object('ENCODING', 'small:hash')).toBe('hashtable');
    });
    expect(broken(await subject.driver.probe(contextOf({ repository, record, token: token(4001) })))).toEqual([]);
  });
});

/** All that a careless logger would show of an error. */
function everythingIn(error: unknown): string {
  const seen: string[] = [];
  for (let current = error; current instanceof Error; current = current.cause) {
    seen.push(current.message, current.stack ?? '', JSON.stringify(current, Object.getOwnPropertyNames(current)));
  }
  expect(seen.join()).not.toContain(password);
  return seen.join('\n');
}

test('loading the same data twice gives the same digests, whatever the process', async () => {
  await begin();
  const record = await capture(subject.driver, repository);
  await withClient(subject.instance, (client) => fill(client, 'seeded'));
  const results = await subject.driver.probe(contextOf({ repository, record, token: token(4001) }));
  // Refilled with the same values: only what holds a time of its own may differ.
  const names = broken(results)
    .slice(1)
    .map(({ name, actual }) => `${name}: ${actual}`);
  expect(
    names.every((text) => /^key (?:session:\d+|small:hash): expiry differs$|^key stream: value differs$/.test(text)),
  ).toBe(true);
  expect(names.length).toBeGreaterThan(0);
});
