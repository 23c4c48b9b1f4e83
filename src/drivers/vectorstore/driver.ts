/** The vector store as a component: one folder with one or more stores of three files each. */
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import type { Driver, DriverEnvironment, RestoreTarget } from '../driver.ts';
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
import { captureVectorstore } from './capture.ts';
import { checkVectorstore } from './check.ts';
import { damageOf } from './damage.ts';
import type { VectorstoreFacts } from './facts.ts';
import { otherModel } from './embedding-model.ts';
import { inspectVectorstore } from './inspect.ts';
import { proveStores } from './prove.ts';
import { rebuildVectorstore } from './rebuild.ts';

/** FAISS indexes change by appending and in place: aligned blocks of this size are stored once. */
const blockSize = 256 * 1024;

export function createVectorstoreDriver(config: VectorstoreConfig, environment: DriverEnvironment): Driver {
  const { others = [] } = environment;
  const folder = {
    component: config.id,
    path: config.path,
    tuning: environment.swap,
    damage: async () => damageOf(config, others),
  };
  return {
    component: config.id,
    kind: 'vectorstore',
    role: 'vectorstore',
    blockSize,
    check: async () => checkVectorstore(config, others),
    estimate: async () => ({ bytes: await treeBytes(config.path) }),
    capture: async (context) => captureVectorstore(config, context, others),
    rebuild: async (context) => rebuildVectorstore(config, context, others),
    inspect: async (repository, record, signal) => inspectVectorstore({ repository, record, signal }),
    restoreTargets: async (record) => [await describeTarget(config, record)],
    async stage(context) {
      const facts = await readSealedFacts<VectorstoreFacts>(context);
      const mismatch = otherModel(config, facts.stores);
      if (mismatch !== undefined) throw mismatch;
      return stageFolder(folder, context, facts.owner);
    },
    validate: async (context) =>
      proveStores(config, context, { root: await stagedFolder(folder, context), times: true }),
    swap: async (context) => swapFolder(folder, context),
    undo: async (context) => undoFolder(folder, context),
    probe: async (context) => proveStores(config, context, { root: config.path, times: false }),
    commit: async (context) => commitFolder(folder, context),
  };
}

/** The model of the recovery point stands in the clear, so that a plan refuses another one before anything is fetched. */
async function describeTarget(config: VectorstoreConfig, record: ComponentRecord): Promise<RestoreTarget> {
  const target = await describeFolderTarget(config, record);
  const embeddingModel = typeof record.facts.embeddingModel === 'string' ? record.facts.embeddingModel : null;
  const mismatch = otherModel(config, [{ embeddingModel }]);
  if (mismatch === undefined) return target;
  const { code, message, hint } = mismatch;
  return { ...target, problems: [...target.problems, { code, message, hint }] };
}
