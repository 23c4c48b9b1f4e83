/** Dumps of a real Redis that other readers of dumps got wrong: trimmed streams, long listpack entries, types that nobody knows. */
import { readFile, writeFile } from 'node:fs/promises';
import { openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { Crc64 } from '../../../src/drivers/redis/crc64.ts';
import { ExpectedSnapshot } from '../../../src/drivers/redis/compare-snapshots.ts';
import { RdbReader, type RdbKey } from '../../../src/drivers/redis/rdb-reader.ts';
import { RdbError } from '../../../src/drivers/redis/rdb-steps.ts';
import { startRedis, engineTest as test } from '../../support/engines.ts';
import { withClient } from './sample.ts';

function keysOf(bytes: Buffer, chunkBytes = bytes.length): Map<string, string> {
  const keys = new Map<string, string>();
  const reader = new RdbReader(
    (key: RdbKey) =>
      void keys.set(
        `${key.db} ${key.key.toString('latin1')}`,
        `${key.expiresAtMs} ${Buffer.from(key.digest, 'latin1').toString('hex')}`,
      ),
  );
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.write(bytes.subarray(at, at + chunkBytes));
  reader.end();
  return keys;
}

function summed(bytes: Buffer): Buffer {
  const whole = Buffer.from(bytes);
  const sum = new Crc64();
  sum.update(whole.subarray(0, -8));
  whole.writeBigUInt64LE(BigInt(`0x${sum.digest()}`), whole.length - 8);
  return whole;
}

async function odd(client: Redis): Promise<void> {
  await client.flushall();
  const many = client.pipeline();
  for (let n = 0; n < 1000; n += 1) {
    many.xadd('trimmed', 'MAXLEN', '~', 150, `${n + 1}-1`, 'field', `value ${n}`);
    many.xadd('exact', 'MAXLEN', '=', 37, `${n + 1}-1`, 'a', n, ...(n % 3 === 0 ? ['b', 'x'] : []));
    many.xadd('minid', `${n + 1}-5`, 'a', n);
    many.xadd('deleted', `${n + 1}-0`, 'a', n);
    many.xadd('emptied', `${n + 1}-0`, 'a', n);
  }
  await many.exec();
  await client.xtrim('minid', 'MINID', '~', '500-0');
  for (let n = 1; n <= 1000; n += 3) await client.xdel('deleted', `${n}-0`);
  await client.xtrim('emptied', 'MAXLEN', 0);
  await client.xgroup('CREATE', 'trimmed', 'readers', '5-0');
  await client.xreadgroup('GROUP', 'readers', 'one', 'COUNT', 20, 'STREAMS', 'trimmed', '>');
  await client.xtrim('trimmed', 'MAXLEN', 10);
  await client.xgroup('CREATE', 'emptied', 'none', '$');
  await client.xgroup('CREATECONSUMER', 'emptied', 'none', 'idle one');
  // Listpack entries around each width of length and of length backwards.
  await client.config('SET', 'list-max-listpack-size', '-5');
  await client.config('SET', 'hash-max-listpack-value', '20000000');
  await client.config('SET', 'zset-max-listpack-value', '20000000');
  for (const size of [
    1, 62, 63, 64, 65, 120, 125, 126, 127, 128, 4090, 4095, 4096, 4097, 16_378, 16_379, 16_383, 16_384, 16_390,
    2_097_147, 2_097_160,
  ]) {
    const text = 'abcdefgh'.repeat(Math.ceil(size / 8)).slice(0, size);
    const noise = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7919 + (at >> 8) * 31 + size) & 0xff));
    await client.rpush(
      `list:${size}`,
      'first',
      text,
      'middle',
      noise,
      'last',
      '127',
      '128',
      '-4096',
      '4095',
      '32767',
      '-32768',
      '8388607',
      '-8388608',
      '2147483647',
      '-2147483648',
      '9223372036854775807',
      '-9223372036854775808',
      '00',
      '-0',
      '1.0',
      '',
    );
    await client.hset(`hash:${size}`, 'a', text, 'b', noise, 'c', '', '12', '-13');
    await client.zadd(`zset:${size}`, 1, text, '-0', noise, '1e300', 'x', 0.1, 'y', '-inf', 'z', '17179869184.5', 'w');
  }
  await client.sadd('intset', 1, -32768, 32767);
  await client.sadd('intset32', 1, 2147483647);
  await client.sadd('intset64', 1, '9223372036854775807', '-9223372036854775808');
  await client.set('int', '-128');
  await client.set('almost int', '0128');
  await client.set('', 'empty key');
  await client.set('lzf', 'x'.repeat(100_000), 'PX', 3_600_000);
}

async function saved(client: Redis, folder: string): Promise<Buffer> {
  await client.save();
  return readFile(join(folder, 'dump.rdb'));
}

async function compared(
  folder: string,
  expected: Buffer,
  actual: Buffer,
  keys: number,
): Promise<ReturnType<ExpectedSnapshot['compare']>> {
  const paths = [join(folder, 'expected.rdb'), join(folder, 'actual.rdb')] as const;
  await writeFile(paths[0], expected);
  await writeFile(paths[1], actual);
  const fds = paths.map((path) => openSync(path, 'r'));
  try {
    return new ExpectedSnapshot(fds[0]!, keys).compare(fds[1]!, new Date());
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

test('trimmed streams and long entries: loaded and saved again they are the same, and any change to one shows', async ({
  folder,
  onTestFinished,
}) => {
  const redis = await startRedis({ settings: { 'enable-debug-command': 'yes' } });
  onTestFinished(async () => redis.stop());
  await withClient(redis, async (client) => {
    await odd(client);
    const first = await saved(client, redis.dataDirectory);
    const keys = keysOf(first);
    expect(keys.size).toBe(await client.dbsize());
    for (const size of [509, 65_536]) expect(keysOf(first, size)).toEqual(keys);
    await client.call('DEBUG', 'RELOAD');
    const second = await saved(client, redis.dataDirectory);
    expect(keysOf(second)).toEqual(keys);
    expect(await compared(folder, first, second, keys.size)).toMatchObject({
      same: keys.size,
      different: 0,
      missing: 0,
    });
    const changes: [string, () => Promise<unknown>][] = [
      [
        'trimmed',
        async () => client.xdel('trimmed', ((await client.xrange('trimmed', '-', '+', 'COUNT', 1))[0] ?? [''])[0]),
      ],
      ['exact', async () => client.xtrim('exact', 'MAXLEN', 36)],
      ['minid', async () => client.call('XSETID', 'minid', '5000-0')],
      ['emptied', async () => client.xgroup('CREATE', 'emptied', 'another', '0')],
      ['deleted', async () => client.xgroup('CREATE', 'deleted', 'g', '0')],
      ['list:2097160', async () => client.lset('list:2097160', -1, 'x')],
      ['list:64', async () => client.lset('list:64', 3, 'other')],
      ['hash:4096', async () => client.hset('hash:4096', '12', '-14')],
      ['zset:16384', async () => client.zincrby('zset:16384', 0.25, 'w')],
      ['intset64', async () => client.srem('intset64', 1)],
      ['almost int', async () => client.set('almost int', '128')],
      ['', async () => client.set('', 'x')],
      ['lzf', async () => client.pexpire('lzf', 3_700_000)],
    ];
    for (const [key, change] of changes) {
      await change();
      const after = await saved(client, redis.dataDirectory);
      const found = await compared(folder, second, after, keys.size);
      expect(
        found.named.map((one) => one.key),
        key,
      ).toContain(key);
    }
  });
});

test('a type byte that nobody knows is refused wherever it stands; no other type passes for equal', async ({
  redis,
  folder,
}) => {
  await withClient(redis, async (client) => {
    const makers: [string, () => Promise<unknown>][] = [
      ['string', async () => client.set('the-key', 'a value that stays')],
      ['list', async () => client.rpush('the-key', 'a', 'b', '12')],
      ['hash', async () => client.hset('the-key', 'a', 'b', 'c', 'd')],
      ['zset', async () => client.zadd('the-key', 1, 'a', 2, 'b')],
      ['set', async () => client.sadd('the-key', 'a', 'b')],
      ['intset', async () => client.sadd('the-key', 1, 2, 3)],
      ['stream', async () => client.xadd('the-key', '1-1', 'a', 'b')],
    ];
    // Those that Redis knows or may come to know, and some of the rest.
    const types = [...Array(40).keys(), 63, 64, 127, 128, 200, 254, 255];
    const outcomes: Record<string, string[]> = {};
    for (const [name, make] of makers) {
      await client.flushall();
      await make();
      const bytes = await saved(client, redis.dataDirectory);
      const at = bytes.indexOf('the-key') - 2;
      const own = bytes[at]!;
      const before = keysOf(bytes).get('0 the-key');
      for (const type of types) {
        // Without consumers a stream of either version has the same bytes, and is the same.
        if (type === own || (own === 19 && type === 21)) continue;
        const changed = Buffer.from(bytes);
        changed[at] = type;
        let text: string;
        try {
          const found = await compared(folder, bytes, summed(changed), 1);
          text = found.same === 1 ? 'EQUAL' : found.different + found.missing + found.extra > 0 ? 'differs' : 'NOTHING';
        } catch (error) {
          text = error instanceof RdbError ? error.kind : `OTHER ${String(error)}`;
        }
        (outcomes[`${name} ${text}`] ??= []).push(String(type));
      }
      expect(before).toBeDefined();
    }
    expect(Object.keys(outcomes).filter((what) => /EQUAL|NOTHING|OTHER/.test(what))).toEqual([]);
  });
});
