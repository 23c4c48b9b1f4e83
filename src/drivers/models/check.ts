/** What `doctor` says of a folder of models. Loads none: headers are quick and name a truncated file. */
import type { ComponentConfig, ModelsConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { probeEngine } from '../../inference/load-probe.ts';
import { checkAttributeTools } from '../attributes/finding.ts';
import { checkFolderTarget } from '../folder/check-target.ts';
import { findingsOfLinks } from '../folder/folder-links.ts';
import { walkFolder } from '../folder/walk-folder.ts';
import { damageOf } from './damage.ts';
import { findModels } from './find-models.ts';
import type { Finding } from '../../domain/finding.ts';

/** Never throws: what fails is a finding with a hint. */
export async function checkModels(config: ModelsConfig, others: readonly ComponentConfig[]): Promise<Finding[]> {
  const groups = [
    checkFiles(config, others),
    checkEngine(config),
    checkFolderTarget(config).then((finding) => [finding]),
    checkAttributeTools(config.id),
  ];
  const results = await Promise.allSettled(groups);
  return results.flatMap((result) =>
    result.status === 'fulfilled' ? result.value : [findingOf(`${config.id}: models`, result.reason)],
  );
}

async function checkFiles(config: ModelsConfig, others: readonly ComponentConfig[]): Promise<Finding[]> {
  const name = `${config.id}: models`;
  const { models, links } = await findModels(config, await walkFolder(config.path, config.id), others);
  const linked = findingsOfLinks(links, config.id);
  // Where the models lie elsewhere, that is what is wrong.
  if (links.faults.length > 0) return linked;
  if (models.length === 0) {
    const text = `\`${config.path}\` holds no .gguf file`;
    return [{ name, level: 'fail', text, hint: `check \`path\` of the component \`${config.id}\`` }];
  }
  const problems = await damageOf(config, others);
  if (problems.length === 0) {
    const count = `${models.length} model file${models.length === 1 ? '' : 's'}`;
    return [{ name, level: 'ok', text: `${count} in \`${config.path}\`` }, ...linked];
  }
  const hint = 'restore the component, or fetch the file again';
  return [...problems.map((text): Finding => ({ name, level: 'fail', text, hint })), ...linked];
}

/** Silent where llama.cpp is there: what it is for shows at a capture. */
async function checkEngine(config: ModelsConfig): Promise<Finding[]> {
  try {
    await probeEngine({ memoryLimitBytes: config.memoryLimit, component: config.id });
    return [];
  } catch (error) {
    return [findingOf(`${config.id}: llama.cpp`, error)];
  }
}

function findingOf(name: string, error: unknown): Finding {
  const hint = isLifeboatError(error) ? error.hint : 'check the path and its filesystem';
  return { name, level: 'fail', text: error instanceof Error ? error.message : String(error), hint };
}
