import { expect } from 'vitest';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createRedisDriver } from '../../../src/drivers/redis/driver.ts';
import type { RedisConfig } from '../../../src/domain/appliance.ts';
import { engineTest } from '../../support/engines.ts';
import { makeRedisSubject, type RedisSubject } from './subject.ts';
import type { Finding } from '../../../src/domain/finding.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';

const test = engineTest.extend<{ subject: RedisSubject }>({
  subject: async ({ folder }, use) => {
    const subject = await makeRedisSubject(folder);
    await subject.start();
    await subject.seed();
    try {
      await use(subject);
    } finally {
      await subject.dispose();
    }
  },
});

/** What doctor does not call good, with some of the configuration changed. */
async function wanting({ config }: RedisSubject, changes: Partial<RedisConfig> = {}): Promise<Finding[]> {
  const driver = createRedisDriver(
    { ...config, ...changes },
    {
      target: createProcessTarget(),
      stateDir: '/nowhere',
      secret: async (ref) => (ref?.from === 'literal' ? ref.value : undefined),
    },
  );
  return (await driver.check()).filter(({ level }) => level !== 'ok');
}

test('doctor has nothing to say where all is well', async ({ subject }) => {
  expect(await wanting(subject)).toEqual([]);
});

test('doctor has a hint for a server that is down', async ({ subject }) => {
  await subject.stop();
  const hint = `start Redis, or correct \`hostname\` (127.0.0.1) and \`port\` (${subject.config.port}) of \`redis\``;
  expect(await wanting(subject)).toMatchObject([{ name: 'redis: server', level: 'fail', hint }]);
});

test('doctor has a hint for a wrong password and for none, and names neither', async ({ subject }) => {
  const wrong = await wanting(subject, { password: { from: 'literal', value: 'canary-wrong' } });
  expect(wrong).toMatchObject([
    { level: 'fail', hint: '`password` of `redis` must be that of `requirepass` of the server' },
  ]);
  expect(JSON.stringify(wrong)).not.toContain('canary');
  expect(await wanting(subject, { password: undefined })).toMatchObject([
    { level: 'fail', hint: 'the server wants a password: set `password` of `redis`' },
  ]);
});

test('doctor has a hint for a data directory that is not there or cannot be read', async ({ subject, folder }) => {
  expect(await wanting(subject, { dataDirectory: join(folder, 'absent') })).toMatchObject([
    {
      level: 'warn',
      text: expect.stringContaining('ENOENT'),
      hint: expect.stringContaining('correct `dataDirectory`'),
    },
  ]);
  await chmod(subject.config.dataDirectory, 0);
  const locked = await wanting(subject);
  await chmod(subject.config.dataDirectory, 0o700);
  expect(locked).toMatchObject([
    {
      level: 'warn',
      text: expect.stringContaining('EACCES'),
      hint: 'run the worker as root or as the owner of the folder',
    },
  ]);
});

test('doctor has a hint for a configuration file that is not there or cannot be read', async ({ subject }) => {
  const [path = ''] = subject.config.configFiles;
  await chmod(path, 0);
  expect(await wanting(subject)).toMatchObject([
    { name: `redis: ${path}`, level: 'fail', hint: 'run the worker as root or as the owner of the file' },
  ]);
  await rm(path);
  expect(await wanting(subject)).toMatchObject([
    { name: `redis: ${path}`, level: 'fail', hint: 'correct the path, or take it out of `configFiles` of `redis`' },
  ]);
});

test('doctor has a hint for a configured redis-server that is not there', async ({ subject, folder }) => {
  expect(await wanting(subject, { serverBinary: join(folder, 'redis-server') })).toMatchObject([
    { level: 'warn', hint: 'correct `serverBinary` of `redis`, or leave it out: then it is looked for on PATH' },
  ]);
});
