/** Which live stores are proven unusable: `--replace-damaged` deletes nothing else. */
import { join } from 'node:path';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { walkFolder } from '../folder/walk-folder.ts';
import { storeFiles, storeFolders } from './files.ts';
import { verifyStore } from './verify-store.ts';

/**
 * What is wrong, in words; empty where all stores are good. A store of another embedding model is not damaged. Throws
 * what keeps it from looking: no right to read, no FAISS, the memory limit.
 */
export async function damageOf(config: VectorstoreConfig): Promise<string[]> {
  const { path, id: component, memoryLimit: memoryLimitBytes } = config;
  const folders = await walkFolder(path, component).then(storeFolders, (error: unknown) => {
    if (isLifeboatError(error, 'SourceEmpty')) return [];
    throw error;
  });
  if (folders.length === 0) return [`\`${path}\` holds no ${storeFiles.join(', ')}`];
  const problems: string[] = [];
  for (const folder of folders) {
    const { errors } = await verifyStore(join(path, folder), {
      component,
      embeddingModel: undefined,
      memoryLimitBytes,
    });
    problems.push(...errors);
  }
  return problems;
}
