/** Which live stores are proven unusable: `--replace-damaged` deletes nothing else. */
import { join } from 'node:path';
import type { ComponentConfig, VectorstoreConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { refuseFaults } from '../folder/folder-links.ts';
import { walkFolder, type FolderEntry } from '../folder/walk-folder.ts';
import { storeFiles } from './files.ts';
import { findStores } from './find-stores.ts';
import { listsOf } from './on-disk-lists.ts';
import { verifyStore } from './verify-store.ts';

/**
 * What is wrong, in words; empty where all stores are good. A store of another embedding model is not damaged. Throws
 * what keeps it from looking: no right to read, no FAISS, the memory limit, a store that lies outside.
 */
export async function damageOf(config: VectorstoreConfig, others: readonly ComponentConfig[]): Promise<string[]> {
  const { path, id: component, memoryLimit: memoryLimitBytes } = config;
  const entries = await walkFolder(path, component).catch((error: unknown): FolderEntry[] => {
    if (isLifeboatError(error, 'SourceEmpty')) return [];
    throw error;
  });
  const { stores, links } = await findStores(config, entries, others);
  refuseFaults({ faults: links.faults.filter(({ isMissing }) => !isMissing) }, component);
  if (stores.length === 0) return [`\`${path}\` holds no ${storeFiles.join(', ')}`];
  const problems = links.faults.map(({ message }) => message);
  for (const store of stores) {
    const { faults } = await listsOf(config, store);
    refuseFaults({ faults: faults.filter(({ isMissing }) => !isMissing) }, component);
    problems.push(...faults.map(({ message }) => message));
    if (faults.length > 0) continue;
    const { errors } = await verifyStore(join(path, store.folder), {
      component,
      embeddingModel: undefined,
      memoryLimitBytes,
    });
    problems.push(...errors);
  }
  return problems;
}
