/** What `doctor` says of a vector store. */
import { join } from 'node:path';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { checkAttributeTools } from '../attributes/finding.ts';
import type { Finding } from '../driver.ts';
import { checkFolderTarget } from '../folder/check-target.ts';
import { walkFolder } from '../folder/walk-folder.ts';
import { storeFolders } from './files.ts';
import { verifyStore } from './verify-store.ts';

/** Never throws: what fails is a finding with a hint. */
export async function checkVectorstore(config: VectorstoreConfig): Promise<Finding[]> {
  const name = `${config.id}: vector store`;
  try {
    return [
      ...(await checkStores(config, name)),
      await checkFolderTarget(config),
      ...(await checkAttributeTools(config.id)),
    ];
  } catch (error) {
    return [findingOf(name, error)];
  }
}

async function checkStores(config: VectorstoreConfig, name: string): Promise<Finding[]> {
  const folders = await walkFolder(config.path, config.id).then(storeFolders, (error: unknown) =>
    findingOf(name, error),
  );
  if (!Array.isArray(folders)) return [folders];
  if (folders.length === 0) {
    const text = `\`${config.path}\` holds no vector store`;
    return [{ name, level: 'fail', text, hint: `check \`path\` of the component \`${config.id}\`` }];
  }
  return Promise.all(folders.map(async (folder) => checkStore(config, join(config.path, folder), name)));
}

async function checkStore(config: VectorstoreConfig, folder: string, name: string): Promise<Finding> {
  const { embeddingModel, id: component, memoryLimit: memoryLimitBytes } = config;
  try {
    const { valid, errors } = await verifyStore(folder, { component, embeddingModel, memoryLimitBytes });
    if (valid) return { name, level: 'ok', text: `\`${folder}\` loads and agrees with its metadata` };
    return {
      name,
      level: 'fail',
      text: `\`${folder}\`: ${errors.join('; ')}`,
      hint: 'restore the component, or rebuild the index from the logs',
    };
  } catch (error) {
    return findingOf(name, error);
  }
}

function findingOf(name: string, error: unknown): Finding {
  const hint = isLifeboatError(error) ? error.hint : 'check the path and its filesystem';
  return { name, level: 'fail', text: error instanceof Error ? error.message : String(error), hint };
}
