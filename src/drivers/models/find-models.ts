/** Which entries of a folder are models: files by their name, and links by theirs that lead to a file inside the folder. */
import { realpath } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { ModelsConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { FolderEntry } from '../folder/walk-folder.ts';

const ending = /\.gguf$/i;

export interface FoundModel {
  /** Name that a loader is given, below the folder. */
  readonly path: string;
  /** Where its bytes lie, below the folder: itself, or what a link leads to (a cache keeps models under their hashes). */
  readonly file: string;
  readonly absolutePath: string;
}

/** One for each file. Precondition for a link whose bytes would be missing in the backup, because they lie elsewhere. */
export async function findModels(config: ModelsConfig, entries: readonly FolderEntry[]): Promise<FoundModel[]> {
  const root = await realpath(config.path).catch(() => config.path);
  const models = new Map<string, FoundModel>();
  const named = entries.filter(({ meta }) => ending.test(meta.path));
  for (const { kind, meta } of named) {
    if (kind === 'file')
      models.set(meta.path, { path: meta.path, file: meta.path, absolutePath: join(root, meta.path) });
  }
  for (const { meta } of named.filter((each) => each.meta.type === 'symlink')) {
    const absolutePath = join(root, meta.path);
    const target = await realpath(absolutePath).catch(() => undefined);
    if (target === undefined || !target.startsWith(`${root}/`)) throw leadsOut(config, meta.path);
    const file = relative(root, target);
    if (!models.has(file)) models.set(file, { path: meta.path, file, absolutePath });
  }
  return [...models.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function leadsOut(config: ModelsConfig, path: string): LifeboatError {
  return new LifeboatError('Precondition', `\`${join(config.path, path)}\` is a link that leads out of the folder`, {
    component: config.id,
    hint: 'configure the folder that holds the model itself',
  });
}

export function isModelName(path: string): boolean {
  return ending.test(path);
}

/** Of a model in several files only the first can be loaded by name; it brings the others. */
export function isLoadable(path: string): boolean {
  const part = /-(\d{5})-of-\d{5}\.gguf$/i.exec(basename(path));
  return part === null || part[1] === '00001';
}
