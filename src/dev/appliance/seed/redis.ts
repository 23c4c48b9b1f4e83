/** Fills Redis: sessions with a time to live, and lasting keys of every type. Deterministic but for the moment of expiry. */
import { Redis } from 'ioredis';
import type { SampleAppliance } from '../description.ts';
import { seededRandom } from '../random.ts';
import { uuidOf } from './database.ts';
import type { SizeFacts } from './sizes.ts';

const keysPerPipeline = 1000;
/** Long enough that no seeded session expires between a backup and its probe. */
const shortestTtlSeconds = 6 * 3600;

export async function seedRedis(
  { ports, passwords }: Pick<SampleAppliance, 'ports' | 'passwords'>,
  size: SizeFacts,
): Promise<void> {
  const redis = new Redis({ host: '127.0.0.1', port: ports.redis, password: passwords.redis, maxRetriesPerRequest: 3 });
  try {
    await seedSessions(redis, size);
    await seedLasting(redis);
  } finally {
    redis.disconnect();
  }
}

async function seedSessions(redis: Redis, size: SizeFacts): Promise<void> {
  const random = seededRandom(5);
  for (let from = 0; from < size.redisSessions; from += keysPerPipeline) {
    const pipeline = redis.pipeline();
    for (let session = from; session < Math.min(from + keysPerPipeline, size.redisSessions); session += 1) {
      const id = uuidOf(`session ${session}`);
      const value = {
        user_id: uuidOf(`user ${session % size.users}`),
        ip: `198.51.100.${1 + random.below(254)}`,
        role: 'analyst',
      };
      pipeline.setex(`session:${id}`, shortestTtlSeconds + random.below(86_400), JSON.stringify(value));
    }
    await runPipeline(pipeline);
  }
}

async function seedLasting(redis: Redis): Promise<void> {
  const random = seededRandom(6);
  const pipeline = redis.pipeline();
  for (let rule = 0; rule < 300; rule += 1)
    pipeline.set(`cache:rule:${5700 + rule}`, `rule ${5700 + rule}, level ${random.below(16)}`);
  for (let user = 0; user < 50; user += 1)
    pipeline.sadd(`user:${uuidOf(`user ${user}`)}:sessions`, uuidOf(`session ${user}`), uuidOf(`session ${user + 50}`));
  for (let host = 0; host < 20; host += 1)
    pipeline.hset(
      `host:${host}`,
      'name',
      `host-${host}`,
      'agent',
      String(random.below(2000)),
      'alerts',
      String(random.below(500)),
    );
  for (let entry = 0; entry < 200; entry += 1) pipeline.rpush('queue:embedding', `line ${entry}`);
  for (let host = 0; host < 20; host += 1) pipeline.zadd('ranking:alerts', random.below(1000), `host-${host}`);
  await runPipeline(pipeline);
}

async function runPipeline(pipeline: ReturnType<Redis['pipeline']>): Promise<void> {
  const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
  if (failed) throw failed;
}
