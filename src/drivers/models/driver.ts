/** Models as a component: one folder of GGUF files, with whatever lies beside them. */
import type { ModelsConfig } from '../../domain/appliance.ts';
import type { Driver, DriverEnvironment } from '../driver.ts';
import {
  commitFolder,
  describeFolderTarget,
  stageFolder,
  stagedFolder,
  swapFolder,
  undoFolder,
} from '../folder/folder-restore.ts';
import { readSealedFacts } from '../folder/sealed-facts.ts';
import { treeBytes } from '../tree/tree-threads.ts';
import { captureModels } from './capture.ts';
import { checkModels } from './check.ts';
import { damageOf } from './damage.ts';
import type { ModelsFacts } from './facts.ts';
import { inspectModels } from './inspect.ts';
import { ModelAnswers, probeModels, validateModels } from './prove.ts';

/** Models are large and change as a whole. */
const blockSize = 1024 * 1024;

export function createModelsDriver(config: ModelsConfig, environment: DriverEnvironment): Driver {
  const { others = [] } = environment;
  const answers = new ModelAnswers();
  const folder = {
    component: config.id,
    path: config.path,
    tuning: environment.swap,
    damage: async () => damageOf(config, others),
  };
  return {
    component: config.id,
    kind: 'models',
    role: 'inference',
    blockSize,
    check: async () => checkModels(config, others),
    estimate: async () => ({ bytes: await treeBytes(config.path) }),
    capture: async (context) => captureModels(config, context, others),
    inspect: async (repository, record, signal) => inspectModels({ repository, record, signal }),
    restoreTargets: async (record) => [await describeFolderTarget(folder, record)],
    stage: async (context) => stageFolder(folder, context, (await readSealedFacts<ModelsFacts>(context)).owner),
    validate: async (context) => validateModels(config, context, await stagedFolder(folder, context), answers),
    swap: async (context) => swapFolder(folder, context),
    undo: async (context) => undoFolder(folder, context),
    probe: async (context) => probeModels(config, context, answers),
    commit: async (context) => commitFolder(folder, context),
  };
}
