/** Which live models are proven unusable: `doctor` names them, and `--replace-damaged` deletes nothing else. */
import type { ModelsConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { readGgufHeader } from '../../inference/gguf-read.ts';
import { refuseUnreadable } from '../folder/readable.ts';
import { walkFolder, type FolderEntry } from '../folder/walk-folder.ts';
import { findModels } from './find-models.ts';

/** What is wrong, in words; empty where every header fits its file. PermissionDenied where one cannot be read. */
export async function damageOf(config: ModelsConfig): Promise<string[]> {
  const entries = await walkFolder(config.path, config.id).catch((error: unknown): FolderEntry[] => {
    if (isLifeboatError(error, 'SourceEmpty')) return [];
    throw error;
  });
  const models = await findModels(config, entries);
  if (models.length === 0) return [`\`${config.path}\` holds no .gguf file`];
  const problems: string[] = [];
  for (const { absolutePath } of models) {
    await refuseUnreadable(absolutePath, config.id);
    await readGgufHeader(absolutePath).catch((error: unknown) => {
      if (!isLifeboatError(error, 'SourceCorrupt')) throw error;
      problems.push(error.message);
    });
  }
  return problems;
}
