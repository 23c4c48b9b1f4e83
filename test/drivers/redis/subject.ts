/** A real Redis as the subject of a test: its configuration, its driver, and its life and death. */
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisConfig } from '../../../src/domain/appliance.ts';
import { prepareRedis } from '../../../src/dev/redis.ts';
import { startRedis, type RunningRedis } from '../../support/redis.ts';
import { createRedisDriver } from '../../../src/drivers/redis/driver.ts';
import { factsPath, type RedisFacts } from '../../../src/drivers/redis/facts.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import type { Subject } from '../../contracts/driver.ts';
import { dumpContent, fill, withClient } from './sample.ts';

export const password = 'canary-redis-password';

export interface RedisSubject extends Subject {
  readonly config: RedisConfig;
  readonly instance: Awaited<ReturnType<typeof prepareRedis>>;
}

export async function makeRedisSubject(folder: string, settings: Record<string, string> = {}): Promise<RedisSubject> {
  const directory = join(folder, 'redis');
  const instance = await prepareRedis({ directory, password, settings });
  let running: RunningRedis | undefined;
  const config: RedisConfig = {
    id: 'redis',
    kind: 'redis',
    host: 'main',
    tier: 'critical',
    priority: 2,
    services: [],
    hostname: instance.hostname,
    port: instance.port,
    username: undefined,
    password: { from: 'literal', value: password },
    tls: undefined,
    dataDirectory: instance.dataDirectory,
    configFiles: [instance.configFile],
    serverBinary: instance.serverBinary,
  };
  const driver = createRedisDriver(config, {
    target: createProcessTarget(),
    stateDir: join(folder, 'state'),
    secret: async (ref) => (ref?.from === 'literal' ? ref.value : undefined),
  });
  const stop = async (): Promise<void> => {
    await running?.stop();
    running = undefined;
  };
  return {
    config,
    instance,
    driver,
    module: join(import.meta.dirname, '../../../src/drivers/redis/driver.ts'),
    factory: 'createRedisDriver',
    async start() {
      running ??= await startRedis({ directory, password, port: instance.port, settings });
    },
    stop,
    seed: () => withClient(instance, (client) => fill(client, 'seeded')),
    change: () => withClient(instance, (client) => fill(client, 'changed')),
    content: () => withClient(instance, dumpContent),
    async destroy() {
      await running?.kill();
      running = undefined;
      await rm(instance.dataDirectory, { recursive: true, force: true });
    },
    empty: async () => void (await withClient(instance, (client) => client.flushall())),
    deny: async () => void (await withClient(instance, (client) => client.config('SET', 'requirepass', 'another'))),
    async lock() {
      await chmod(directory, 0o500);
      return { unlock: () => chmod(directory, 0o700) };
    },
    privateEngine: /redis-server .*unixsocket/,
    enlarge: (repository) => withFacts(repository, { dumpBytes: 2 ** 50 }),
    async dispose() {
      for (const name of await readdir(folder)) await chmod(join(folder, name), 0o700);
      await stop();
    },
  };
}

/** The repository with other sealed facts, as another capture would have left them. */
export function withFacts(repository: Repository, facts: Partial<RedisFacts>): Repository {
  return {
    ...repository,
    async readFile(indexId, path) {
      const bytes = await repository.readFile(indexId, path);
      if (path !== factsPath || bytes === undefined) return bytes;
      return Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(bytes).toString()) as RedisFacts), ...facts }));
    },
  };
}
