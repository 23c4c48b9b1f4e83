import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRedisDriver } from '../../../src/drivers/redis/driver.ts';
import { dumpPath, factsPath, type RedisFacts } from '../../../src/drivers/redis/facts.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { capture, makeRepository } from '../../contracts/driver-fixture.ts';
import { doctored, faults, inspected, type Changes } from '../../support/doctored.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { sampleKeys } from './sample.ts';
import { makeRedisSubject, type RedisSubject } from './subject.ts';

let folder: TemporaryFolder;
let repository: Repository;
let subject: RedisSubject;
beforeEach(async () => {
  folder = await temporaryFolder('redis');
  repository = await makeRepository(join(folder.path, 'repository'));
  subject = await makeRedisSubject(folder.path);
  await subject.start();
  await subject.seed();
});
afterEach(async () => {
  await subject.dispose();
  await repository.close();
  await folder.remove();
});

test('D2.7: a stored dump is proven without a server and without a disk, whole or with each fault named', async () => {
  const record = await capture(subject.driver, repository);
  await subject.destroy();
  // A driver that could neither write nor connect.
  const driver = createRedisDriver(
    { ...subject.config, port: 1 },
    { target: createProcessTarget(), stateDir: '/nowhere', secret: async () => undefined },
  );

  const good = await inspected(driver, repository, record);
  expect(good.filter(({ ok }) => !ok)).toEqual([]);
  expect(good).toContainEqual(
    expect.objectContaining({
      name: `file \`${dumpPath}\``,
      actual: expect.stringContaining(`${sampleKeys} keys, 501 with an expiry`) as string,
    }),
  );

  const config = `config${subject.instance.configFile}`;
  const cases: readonly [changes: Changes, fault: string | RegExp][] = [
    [{ [dumpPath]: (whole) => whole.subarray(0, -9) }, /`dump\.rdb`: the dump ends after \d+ bytes, in the middle$/],
    [{ [dumpPath]: flipMiddle }, /^redis: file `dump\.rdb`: .*(checksum|damaged|not known|follow|ends after)/],
    [{ [dumpPath]: () => Buffer.from('PGDMP') }, /`dump\.rdb`: the dump ends after 5 bytes/],
    [{ [dumpPath]: () => Buffer.alloc(100_000, 'x') }, /`dump\.rdb`: this is not a Redis dump/],
    [{ [dumpPath]: (whole) => Buffer.concat([whole, Buffer.from('more')]) }, /`dump\.rdb`: 4 bytes follow the end/],
    [{ [dumpPath]: 'absent' }, 'redis: file `dump.rdb`: absent'],
    [{ [config]: 'absent' }, `redis: file \`${config}\`: absent`],
    [{ [factsPath]: withOneKeyMore }, new RegExp(`: file \`dump\\.rdb\`: version \\d+, ${sampleKeys} keys`)],
    [{ [factsPath]: () => Buffer.from('{"keys": 1') }, `redis: file \`${factsPath}\`: not JSON`],
  ];
  for (const [changes, fault] of cases) {
    expect(
      await faults(driver, repository, await doctored(repository, record, changes)),
      JSON.stringify(Object.keys(changes)),
    ).toEqual([typeof fault === 'string' ? fault : (expect.stringMatching(fault) as string)]);
  }
});

function flipMiddle(whole: Buffer): Buffer {
  const other = Buffer.from(whole);
  other[other.length >> 1]! ^= 1;
  return other;
}

function withOneKeyMore(facts: Buffer): Buffer {
  const parsed = JSON.parse(facts.toString()) as RedisFacts;
  return Buffer.from(JSON.stringify({ ...parsed, keys: parsed.keys + 1 }));
}
