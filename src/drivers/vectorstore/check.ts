/** What `doctor` says of a vector store. */
import { join } from 'node:path';
import type { ComponentConfig, VectorstoreConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { checkAttributeTools } from '../attributes/finding.ts';
import { checkFolderTarget } from '../folder/check-target.ts';
import { findingsOfLinks } from '../folder/folder-links.ts';
import { walkFolder } from '../folder/walk-folder.ts';
import { findStores, type FoundStore } from './find-stores.ts';
import { listsOf } from './on-disk-lists.ts';
import { verifyStore } from './verify-store.ts';
import type { Finding } from '../../domain/finding.ts';

/** Never throws: what fails is a finding with a hint. */
export async function checkVectorstore(
  config: VectorstoreConfig,
  others: readonly ComponentConfig[],
): Promise<Finding[]> {
  const name = `${config.id}: vector store`;
  try {
    return [
      ...(await checkStores(config, others, name)),
      await checkFolderTarget(config),
      ...(await checkAttributeTools(config.id)),
    ];
  } catch (error) {
    return [findingOf(name, error)];
  }
}

async function checkStores(
  config: VectorstoreConfig,
  others: readonly ComponentConfig[],
  name: string,
): Promise<Finding[]> {
  const entries = await walkFolder(config.path, config.id).catch((error: unknown) => findingOf(name, error));
  if (!Array.isArray(entries)) return [entries];
  const { stores, links } = await findStores(config, entries, others);
  const linked = findingsOfLinks(links, config.id);
  // Where the stores lie elsewhere, that is what is wrong.
  if (links.faults.length > 0) return linked;
  if (stores.length === 0) {
    const text = `\`${config.path}\` holds no vector store`;
    return [{ name, level: 'fail', text, hint: `check \`path\` of the component \`${config.id}\`` }];
  }
  return [...(await Promise.all(stores.map(async (store) => checkStore(config, store, name)))).flat(), ...linked];
}

async function checkStore(config: VectorstoreConfig, store: FoundStore, name: string): Promise<Finding[]> {
  const { embeddingModel, id: component, memoryLimit: memoryLimitBytes } = config;
  const folder = join(config.path, store.folder);
  try {
    const { faults } = await listsOf(config, store);
    if (faults.length > 0) return faults.map(({ message, hint }) => ({ name, level: 'fail', text: message, hint }));
    const { valid, errors } = await verifyStore(folder, { component, embeddingModel, memoryLimitBytes });
    if (valid) return [{ name, level: 'ok', text: `\`${folder}\` loads and agrees with its metadata` }];
    return [
      {
        name,
        level: 'fail',
        text: `\`${folder}\`: ${errors.join('; ')}`,
        hint: 'restore the component, or rebuild the index from the logs',
      },
    ];
  } catch (error) {
    return [findingOf(name, error)];
  }
}

function findingOf(name: string, error: unknown): Finding {
  const hint = isLifeboatError(error) ? error.hint : 'check the path and its filesystem';
  return { name, level: 'fail', text: error instanceof Error ? error.message : String(error), hint };
}
