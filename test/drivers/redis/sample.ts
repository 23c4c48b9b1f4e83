/** A real Redis with every kind of value, in small and in large layouts, and with expiries. */
import { Redis } from 'ioredis';
import type { RunningRedis } from '../../support/redis.ts';

export async function withClient<T>(
  redis: Pick<RunningRedis, 'hostname' | 'port' | 'password'>,
  work: (client: Redis) => Promise<T>,
): Promise<T> {
  const client = new Redis({
    host: redis.hostname,
    port: redis.port,
    ...(redis.password === undefined ? {} : { password: redis.password }),
    maxRetriesPerRequest: 1,
  });
  client.on('error', () => {}); // Commands report it.
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** Keys that `fill` makes; 501 of them expire. */
export const sampleKeys = 517;

/** An hour, so that nothing expires while tests run. */
const hourMs = 3_600_000;

export async function fill(client: Redis, text: string): Promise<void> {
  await client.flushall();
  const pipeline = client.pipeline();
  for (let index = 0; index < 500; index++) {
    pipeline.set(`session:${index}`, JSON.stringify({ user: index, text }), 'PX', hourMs + index);
    pipeline.hset('large:hash', `field ${index}`, `${text} ${index}`);
    pipeline.sadd('large:set', `${text} ${index}`);
    pipeline.sadd('large:numbers', index * 7);
    pipeline.zadd('large:sorted', index / 3, `${text} ${index}`);
    pipeline.rpush('large:list', `${text} ${index} ${'x'.repeat(index)}`);
    pipeline.xadd('stream', '*', 'text', text, 'index', index);
  }
  pipeline.set('plain', text).set('number', -42).set('long', text.repeat(200_000)).set('empty', '');
  pipeline.set('bytes', Buffer.from([0, 255, 254, 10, 13]));
  pipeline
    .hset('small:hash', 'a', '1', 'b', text)
    .sadd('small:set', 'a', text)
    .sadd('small:numbers', 1, 70_000, -9_000_000_000);
  pipeline
    .zadd('small:sorted', 1.5, 'a', '-inf', 'b', '+inf', text, 1e30, 'd')
    .rpush('small:list', 'a', -1, 4095, -4096, 8_388_607, 2 ** 40, 'z'.repeat(70), 'y'.repeat(5000));
  pipeline.xgroup('CREATE', 'stream', 'readers', '0').pexpire('small:hash', hourMs * 2);
  pipeline.select(3).set('elsewhere', text).select(0);
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
  await client.xreadgroup('GROUP', 'readers', 'one', 'COUNT', 5, 'STREAMS', 'stream', '>');
}

/** Every key of databases 0 and 3 with its value and expiry, as the running server tells them. */
export async function dumpContent(client: Redis): Promise<string> {
  const lines: string[] = [];
  for (const db of [0, 3]) {
    await client.select(db);
    for (const key of (await client.keys('*')).toSorted()) {
      const [type, expiry] = [await client.type(key), await client.call('PEXPIRETIME', key)];
      lines.push(`${db} ${key} ${type} ${String(expiry)} ${JSON.stringify(await readValue(client, key, type))}`);
    }
  }
  await client.select(0);
  return lines.join('\n');
}

async function readValue(client: Redis, key: string, type: string): Promise<unknown> {
  if (type === 'string') return (await client.getBuffer(key))?.toString('base64');
  if (type === 'list') return client.lrange(key, 0, -1);
  if (type === 'set') return (await client.smembers(key)).toSorted();
  if (type === 'zset') return client.zrange(key, '0', '-1', 'WITHSCORES');
  if (type === 'hash') return Object.entries(await client.hgetall(key)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [await client.xrange(key, '-', '+'), await client.xpending(key, 'readers')];
}
