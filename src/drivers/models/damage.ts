/** Which live models are proven unusable: `doctor` names them, and `--replace-damaged` deletes nothing else. */
import type { ComponentConfig, ModelsConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { readGgufHeader } from '../../inference/gguf-read.ts';
import { refuseFaults } from '../folder/folder-links.ts';
import { refuseUnreadable } from '../folder/readable.ts';
import { walkFolder, type FolderEntry } from '../folder/walk-folder.ts';
import { findModels } from './find-models.ts';

/**
 * What is wrong, in words; empty where every header fits its file. PermissionDenied where one cannot be read, Precondition
 * where a model lies outside: nothing is known of it.
 */
export async function damageOf(config: ModelsConfig, others: readonly ComponentConfig[]): Promise<string[]> {
  const entries = await walkFolder(config.path, config.id).catch((error: unknown): FolderEntry[] => {
    if (isLifeboatError(error, 'SourceEmpty')) return [];
    throw error;
  });
  const { models, links } = await findModels(config, entries, others);
  refuseFaults({ faults: links.faults.filter(({ isMissing }) => !isMissing) }, config.id);
  if (models.length === 0) return [`\`${config.path}\` holds no .gguf file`];
  const problems = links.faults.map(({ message }) => message);
  for (const { absolutePath } of models) {
    await refuseUnreadable(absolutePath, config.id);
    await readGgufHeader(absolutePath).catch((error: unknown) => {
      if (!isLifeboatError(error, 'SourceCorrupt')) throw error;
      problems.push(error.message);
    });
  }
  return problems;
}
