import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelsConfig } from '../../../src/domain/appliance.ts';
import { createModelsDriver } from '../../../src/drivers/models/driver.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { driverContract, type Subject } from '../../contracts/driver.ts';
import { enlarged } from '../../contracts/enlarged.ts';
import { writeTinyModel } from '../../inference/tiny-model.ts';

// No `newer`: models.test.ts shows that a GGUF of an unknown version is refused at its capture. The steps of a swap are
// shared with the vector store, which dies at each of them and has no model to load.
driverContract('models', makeModelsSubject, { killSteps: [3] });

async function makeModelsSubject(folder: string): Promise<Subject> {
  const parent = join(folder, 'appliance');
  const live = join(parent, 'models');
  const model = join(live, 'embedding', 'tiny.gguf');
  const config: ModelsConfig = {
    id: 'models',
    kind: 'models',
    host: 'main',
    tier: 'critical',
    priority: 2,
    services: [],
    path: live,
    memoryLimit: 256 * 2 ** 20,
  };
  async function write(seed: number): Promise<void> {
    await mkdir(join(live, 'embedding'), { recursive: true });
    await writeTinyModel(model, { seed });
  }
  return {
    config,
    driver: createModelsDriver(config, {
      target: createProcessTarget(),
      stateDir: join(folder, 'state'),
      secret: async () => undefined,
    }),
    module: join(import.meta.dirname, '../../../src/drivers/models/driver.ts'),
    factory: 'createModelsDriver',
    start: async () => {},
    stop: async () => {},
    seed: () => write(1),
    change: () => write(2),
    content: async () =>
      createHash('sha256')
        .update(await readFile(model))
        .digest('hex'),
    destroy: () => rm(live, { recursive: true }),
    empty: () => rm(model),
    deny: () => chmod(model, 0),
    async lock() {
      await chmod(parent, 0o500);
      return { unlock: () => chmod(parent, 0o700) };
    },
    privateEngine: /model-child/,
    enlarge: enlarged,
    dispose: async () => {},
  };
}
