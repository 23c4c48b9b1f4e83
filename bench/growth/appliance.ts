/** The generated appliance: components of plain files, a repository, and a copy of it elsewhere. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfiguration } from '../../src/config/load.ts';
import type { Appliance } from '../../src/domain/appliance.ts';
import { initRepository } from '../../src/repository/init.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { keySourceOf } from '../../workers/parts.ts';

export interface Described {
  readonly folder: string;
  readonly components: number;
  /** How long points stay; far longer than a measurement takes unless retention is what is measured. */
  readonly keepSeconds?: number;
  /** Where the copy lies, if not in a folder. */
  readonly far?: { readonly bucket: string; readonly prefix: string; readonly endpoint: string } | undefined;
}

export const copyName = 'copy';
const keepForEver = 100 * 365 * 86_400;

export function configFileOf(folder: string): string {
  return join(folder, 'lifeboat.yaml');
}

/** Folder of component n, counted from 0. */
export function dataOf(folder: string, component: number): string {
  return join(folder, 'data', String(component));
}

export function repositoryOf(folder: string): string {
  return join(folder, 'repository');
}

export function copyOf(folder: string): string {
  return join(folder, copyName);
}

/** Beside the data, an empty repository. */
export async function makeAppliance(described: Described): Promise<void> {
  const { folder, components } = described;
  await writeFile(join(folder, 'key'), '11'.repeat(32), { mode: 0o600 });
  for (let component = 0; component < components; component += 1)
    await mkdir(dataOf(folder, component), { recursive: true });
  await mkdir(copyOf(folder), { recursive: true, mode: 0o700 });
  const source = await keySourceOf(await describe(described));
  const { repository } = await initRepository(createLocalStorage(repositoryOf(folder)), source);
  await repository.close();
}

/** Writes its configuration, as it is from now on. */
export async function describe(described: Described): Promise<Appliance> {
  const file = configFileOf(described.folder);
  // JSON is YAML.
  await writeFile(file, JSON.stringify(configurationOf(described)), { mode: 0o600 });
  return (await loadConfiguration(file)).appliance;
}

function configurationOf({ folder, components, keepSeconds = keepForEver, far }: Described): object {
  const retention = { full: `${Math.round(keepSeconds)}s`, incremental: `${keepForEver}s` };
  const secrets = { accessKey: { env: 'GROWTH_ACCESS_KEY' }, secretKey: { env: 'GROWTH_SECRET_KEY' } };
  const copy =
    far === undefined
      ? { kind: 'local', path: copyOf(folder), retention }
      : { kind: 's3', ...far, storageClass: '', sse: 'none', ...secrets, retention };
  return {
    appliance: 'growth',
    state: join(folder, 'state'),
    repository: { path: repositoryOf(folder), encryption: { key: { file: join(folder, 'key') } }, retention },
    components: Object.fromEntries(
      Array.from({ length: components }, (_, number) => [
        `files${number}`,
        { kind: 'files', paths: [dataOf(folder, number)] },
      ]),
    ),
    locations: { [copyName]: copy },
  };
}
