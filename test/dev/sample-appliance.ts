/** A small sample appliance whose services run on the process platform, with the tiny model in place of a real one. */
import { join } from 'node:path';
import { parseConfiguration } from '../../src/config/load.ts';
import { describeAppliance, type SampleAppliance } from '../../src/dev/appliance/description.ts';
import { renderLifeboatYaml } from '../../src/dev/appliance/lifeboat-yaml.ts';
import { prepareAppliance } from '../../src/dev/appliance/prepare.ts';
import { seedAppliance } from '../../src/dev/appliance/seed/seed.ts';
import { findPostgresBin, findRedisServer } from '../../src/dev/engines.ts';
import { freePorts } from '../../src/dev/free-ports.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { wireParts } from '../../workers/parts.ts';
import { writeTinyModel } from '../inference/tiny-model.ts';

export interface RunningAppliance {
  readonly appliance: SampleAppliance;
  readonly configuration: Appliance;
  readonly platform: Platform;
  /** Stops all services. */
  stop(): Promise<void>;
}

/** Seeded, with all its services running. */
export async function startSampleAppliance(stateFolder: string): Promise<RunningAppliance> {
  const [postgres = 0, redis = 0, app = 0] = await freePorts(3);
  const appliance = describeAppliance({
    stateFolder,
    user: undefined,
    ports: { postgres, redis, app },
    passwords: { postgres: 'canary-postgres-of-the-test', redis: 'canary-redis-of-the-test' },
    binaries: { node: process.execPath, postgresBin: findPostgresBin(), redisServer: findRedisServer() },
    temporal: { address: '127.0.0.1:7233', uiUrl: 'http://127.0.0.1:8233' },
    offSite: undefined,
    webhookUrl: undefined,
  });
  await prepareAppliance(appliance);
  const configuration = parseConfiguration(renderLifeboatYaml(appliance), 'lifeboat.yaml').appliance;
  const { platform } = wireParts(configuration);
  const stop = async (): Promise<void> => {
    for (const service of ['app', 'redis', 'postgres']) await platform.stop(service, AbortSignal.timeout(180_000));
  };
  try {
    await platform.start('postgres', AbortSignal.timeout(180_000));
    await platform.start('redis', AbortSignal.timeout(180_000));
    const modelPath = join(stateFolder, 'tiny.gguf');
    await writeTinyModel(modelPath);
    await seedAppliance(appliance, { size: 'small', modelPath, cacheFolder: stateFolder, onProgress: () => undefined });
    await platform.start('app', AbortSignal.timeout(180_000));
  } catch (error) {
    await stop();
    throw error;
  }
  return { appliance, configuration, platform, stop };
}
