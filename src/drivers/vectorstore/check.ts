/** What `doctor` says of a vector store. */
import { dirname, join } from 'node:path';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { Finding } from '../driver.ts';
import { isWritable } from '../folder/folder-restore.ts';
import { walkFolder } from '../folder/walk-folder.ts';
import { nearestExisting } from '../swap/disk.ts';
import { storeFolders } from './files.ts';
import { verifyStore } from './verify-store.ts';

export async function checkVectorstore(config: VectorstoreConfig): Promise<Finding[]> {
  return [...(await checkStores(config)), await checkRestore(config)];
}

async function checkStores(config: VectorstoreConfig): Promise<Finding[]> {
  const name = `${config.id}: vector store`;
  try {
    const folders = storeFolders(await walkFolder(config.path, config.id));
    if (folders.length === 0)
      return [
        {
          name,
          level: 'fail',
          text: `\`${config.path}\` holds no vector store`,
          hint: 'check `path` of the component',
        },
      ];
    return await Promise.all(folders.map(async (folder) => checkStore(config, join(config.path, folder), name)));
  } catch (error) {
    const hint = isLifeboatError(error) ? { hint: error.hint } : {};
    return [{ name, level: 'fail', text: error instanceof Error ? error.message : String(error), ...hint }];
  }
}

async function checkStore(config: VectorstoreConfig, folder: string, name: string): Promise<Finding> {
  const { embeddingModel, id: component, memoryLimit: memoryLimitBytes } = config;
  const { valid, errors } = await verifyStore(folder, { component, embeddingModel, memoryLimitBytes });
  if (valid) return { name, level: 'ok', text: `\`${folder}\` loads and agrees with its metadata` };
  return {
    name,
    level: 'fail',
    text: `\`${folder}\`: ${errors.join('; ')}`,
    hint: 'restore the component, or rebuild the index from the logs',
  };
}

async function checkRestore(config: VectorstoreConfig): Promise<Finding> {
  const name = `${config.id}: restore target`;
  const parent = await nearestExisting(dirname(config.path));
  if (await isWritable(parent)) return { name, level: 'ok', text: `\`${parent}\` can be written` };
  return {
    name,
    level: 'fail',
    text: `\`${parent}\` cannot be written`,
    hint: 'run the worker as root or as the owner of the data',
  };
}
