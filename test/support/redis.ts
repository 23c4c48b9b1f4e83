/** A real Redis server that runs for a test. */
import { Redis } from 'ioredis';
import { startEngine, type EngineProcess } from '../../src/dev/engine-process.ts';
import { prepareRedis, type RedisInstance, type RedisOptions } from '../../src/dev/redis.ts';

export interface RunningRedis extends RedisInstance, EngineProcess {}

/** Prepares and starts a server; returns when it has loaded its data. `stop` is SIGTERM, `kill` is a crash. */
export async function startRedis(options: RedisOptions): Promise<RunningRedis> {
  const instance = await prepareRedis(options);
  const running = await startEngine({
    name: 'Redis',
    command: instance.command,
    cwd: instance.dataDirectory,
    logFile: instance.logFile,
    user: options.user,
    stopSignal: 'SIGTERM',
    answers: () => ping(instance),
    detached: options.detached ?? false,
  });
  return { ...instance, ...running };
}

async function ping(instance: RedisInstance): Promise<void> {
  const client = new Redis({
    host: instance.hostname,
    port: instance.port,
    ...(instance.password === undefined ? {} : { password: instance.password }),
    lazyConnect: true,
    // A server that loads answers that it does, as well.
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on('error', () => {}); // Refused connections while it starts are asked again by the caller.
  try {
    await client.connect();
    await client.ping().catch((error: Error) => {
      // An answer as well, where a test renamed it.
      if (error.name !== 'ReplyError') throw error;
    });
  } finally {
    client.disconnect();
  }
}
