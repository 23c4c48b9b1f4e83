/** Redis: a finished snapshot, an append-only-aware restore, and a proof of every key. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../domain/appliance.ts';
import { roleOfKind } from '../../domain/component.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Driver, DriverEnvironment } from '../driver.ts';
import { captureRedis } from './capture.ts';
import { checkRedis } from './check.ts';
import { endpointOf, info, isLoading, withRedis } from './connection.ts';
import { readinessByAnswer } from '../ready-by-answer.ts';
import { refuseWhileHeld } from './holders.ts';
import { inspectRedis } from './inspect.ts';
import { probeRedis, validateRedis } from './prove.ts';
import { commitRedis, redisTargets, swapRedis, undoRedis } from './restore.ts';
import { stageRedis } from './stage.ts';

/** A dump shifts with every key, so no block of it is ever found again: the size is for parallel reading only. */
const blockSize = 1 << 20;

export function createRedisDriver(config: RedisConfig, environment: DriverEnvironment): Driver {
  const tuning = environment.swap ?? {};
  return {
    component: config.id,
    kind: 'redis',
    role: roleOfKind('redis'),
    blockSize,
    check: async () => checkRedis(config, environment),
    ready: async (signal) =>
      readinessByAnswer(async () =>
        withRedis(await endpointOf(config, environment), refuseLoading, { signal, waitsForLoad: false }),
      ),
    estimate: async () => ({ bytes: await estimateBytes(config, environment) }),
    capture: async (context) => captureRedis(config, environment, context),
    inspect: async (repository, record, signal) => inspectRedis({ repository, record, signal }),
    restoreTargets: async (record) => redisTargets(config, environment, record),
    stage: async (context) => stageRedis(config, environment, context, { ...tuning, signal: context.signal }),
    validate: async (context) => validateRedis(config, environment, context),
    swap: async (context) => swapRedis(config, environment.target, context, { ...tuning, signal: context.signal }),
    requireStopped: () => refuseWhileHeld(config, environment.target),
    // An undo goes on where the run's signal was aborted: it is what puts the old data back.
    undo: async (context) => undoRedis(config, environment.target, context, tuning),
    probe: async (context) => probeRedis(config, environment, context),
    commit: async (context) => commitRedis(config, environment, context, tuning),
  };
}

/** Any other answer will do, also that INFO is refused. PING is not asked for, because it may be renamed. */
async function refuseLoading(client: Redis): Promise<void> {
  if (await isLoading(client)) throw new LifeboatError('EngineUnavailable', 'Redis still loads its data');
}

/** The last dump's size where it can be seen, else the memory of the data: a dump is smaller. */
async function estimateBytes(config: RedisConfig, environment: DriverEnvironment): Promise<number> {
  const dump = await stat(join(config.dataDirectory, 'dump.rdb')).catch(() => undefined);
  if (dump !== undefined) return dump.size;
  return withRedis(await endpointOf(config, environment), async (client) =>
    Number((await info(client, 'memory'))['used_memory_dataset'] ?? 0),
  );
}
