/**
 * Lets the application build its stores anew from what it keeps elsewhere (D6.6): only it knows how it splits texts and
 * which ones it embeds. Its command ends when that is done; then the stores are proven as a capture would. What was there
 * is copied before, for it may be all that holds some of its vectors.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComponentConfig, VectorstoreConfig } from '../../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import type { Rebuilt, RebuildContext } from '../driver.ts';
import { refuseFaults } from '../folder/folder-links.ts';
import { walkFolder, type FolderEntry } from '../folder/walk-folder.ts';
import { askApplication } from './ask-application.ts';
import { indexFile, metadataFile, readMetadata, storeFiles } from './files.ts';
import { findStores } from './find-stores.ts';
import { keepStore } from './keep-store.ts';
import { lacksRebuild } from './lacks-rebuild.ts';
import { listsOf } from './on-disk-lists.ts';
import { waitUntilQuiet } from './stable-window.ts';
import { verifyStore } from './verify-store.ts';

/** Some applications write their three files once more a moment later. */
const quietTries = 30;

/**
 * May run twice: the application builds twice then. Precondition where no command is configured or a store lies behind a link that leads out, NoSpace without room for
 * the copy, EngineFailed where the command fails or takes too long, ValidationFailed where what it left cannot be used.
 */
export async function rebuildVectorstore(
  config: VectorstoreConfig,
  { since, signal }: RebuildContext,
  others: readonly ComponentConfig[],
): Promise<Rebuilt> {
  const { id: component, rebuild } = config;
  if (rebuild === undefined) throw lacksRebuild(component);
  await refuseOutside(config, others);
  const kept = await keepStore(config, since);
  try {
    await askApplication(component, rebuild, signal);
    const documents = await documentsBuilt(config, { since, signal }, others);
    return { documents, ...(kept === undefined ? {} : { safetyCopy: kept }) };
  } catch (error) {
    if (kept === undefined || !isLifeboatError(error)) throw error;
    const { code, message, hint } = error;
    throw new LifeboatError(code, `${message}; what it held before lies in ${kept}`, { component, hint, cause: error });
  }
}

/** What lies outside, behind a link or as lists of an index, is not in the copy, and would be overwritten. */
async function refuseOutside(config: VectorstoreConfig, others: readonly ComponentConfig[]): Promise<void> {
  const entries = await walkFolder(config.path, config.id).catch((error: unknown): FolderEntry[] => {
    if (isLifeboatError(error, 'SourceEmpty')) return [];
    throw error;
  });
  const { stores, links } = await findStores(config, entries, others);
  const lists = await Promise.all(stores.map(async (store) => listsOf(config, store)));
  const faults = [...links.faults, ...lists.flatMap((each) => each.faults)];
  refuseFaults({ faults: faults.filter(({ isMissing }) => !isMissing) }, config.id);
}

async function documentsBuilt(
  config: VectorstoreConfig,
  { since, signal }: RebuildContext,
  others: readonly ComponentConfig[],
): Promise<number> {
  const folders = await restingFolders(config, signal, others);
  const written = await Promise.all(
    folders.map(async (folder) => ({ folder, at: (await stat(join(config.path, folder, indexFile))).mtimeMs })),
  );
  // Filesystems keep whole seconds, some of them.
  const fresh = written.filter(({ at }) => at >= Math.floor(since.getTime() / 1000) * 1000);
  if (fresh.length === 0)
    throw new LifeboatError(
      'ValidationFailed',
      `the command ended well, and no index below \`${config.path}\` is new`,
      {
        component: config.id,
        hint: 'the command must end when the application has saved its store',
      },
    );
  const counts = await Promise.all(fresh.map(async ({ folder }) => documentsIn(config, folder, signal)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function restingFolders(
  config: VectorstoreConfig,
  signal: AbortSignal,
  others: readonly ComponentConfig[],
): Promise<string[]> {
  const { id: component, path, quietSeconds } = config;
  const { stores } = await findStores(config, await walkFolder(path, component), others);
  const folders = stores.map(({ folder }) => folder);
  const paths = folders.flatMap((folder) => storeFiles.map((name) => join(path, folder, name)));
  if ((await waitUntilQuiet({ paths, quietSeconds, attempts: quietTries, signal })).quiet) return folders;
  throw new LifeboatError('ValidationFailed', `\`${path}\` does not come to rest`, {
    component,
    hint: 'the command must end when the application is done',
  });
}

async function documentsIn(config: VectorstoreConfig, folder: string, signal: AbortSignal): Promise<number> {
  const { id: component, embeddingModel, memoryLimit: memoryLimitBytes } = config;
  const path = join(config.path, folder);
  const { valid, errors } = await verifyStore(path, { component, embeddingModel, memoryLimitBytes, signal });
  if (!valid)
    throw new LifeboatError('ValidationFailed', `the store that was built in \`${path}\`: ${errors.join('; ')}`, {
      component,
    });
  return (await readMetadata(join(path, metadataFile), component)).documentCount ?? 0;
}
