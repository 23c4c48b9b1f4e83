/** What `doctor` says of a folder of models. Loads nothing: headers are quick and name a truncated file. */
import { dirname } from 'node:path';
import type { ModelsConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { readGgufHeader } from '../../inference/gguf-read.ts';
import type { Finding } from '../driver.ts';
import { isWritable } from '../folder/folder-restore.ts';
import { walkFolder } from '../folder/walk-folder.ts';
import { nearestExisting } from '../swap/disk.ts';
import { isModel } from './capture.ts';

export async function checkModels(config: ModelsConfig): Promise<Finding[]> {
  return [...(await checkFiles(config)), await checkRestore(config)];
}

async function checkFiles(config: ModelsConfig): Promise<Finding[]> {
  const name = `${config.id}: models`;
  try {
    const models = (await walkFolder(config.path, config.id)).filter(isModel);
    if (models.length === 0)
      return [
        { name, level: 'fail', text: `\`${config.path}\` holds no .gguf file`, hint: 'check `path` of the component' },
      ];
    const findings = await Promise.allSettled(models.map(async ({ absolutePath }) => readGgufHeader(absolutePath)));
    const problems = findings.flatMap((finding) =>
      finding.status === 'rejected' ? [String((finding.reason as Error).message)] : [],
    );
    if (problems.length === 0)
      return [
        {
          name,
          level: 'ok',
          text: `${models.length} model file${models.length === 1 ? '' : 's'} in \`${config.path}\``,
        },
      ];
    return problems.map((text) => ({
      name,
      level: 'fail',
      text,
      hint: 'restore the component, or fetch the file again',
    }));
  } catch (error) {
    const hint = isLifeboatError(error) ? { hint: error.hint } : {};
    return [{ name, level: 'fail', text: error instanceof Error ? error.message : String(error), ...hint }];
  }
}

async function checkRestore(config: ModelsConfig): Promise<Finding> {
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
