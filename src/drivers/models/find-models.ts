/** Which entries of a folder are models: files by their name, and links by theirs that lead to a file of the folder. */
import { open, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ComponentConfig, ModelsConfig } from '../../domain/appliance.ts';
import { followFolderLinks, type FolderLinks } from '../folder/folder-links.ts';
import type { FolderEntry } from '../folder/walk-folder.ts';

const ending = /\.gguf$/i;
/** What every GGUF begins with: caches name their files by a hash. */
const magic = 'GGUF';

export interface FoundModel {
  /** Name that a loader is given, below the folder. */
  readonly path: string;
  /** Where its bytes lie, below the folder: itself, or what a link leads to (a cache keeps models under their hashes). */
  readonly file: string;
  readonly absolutePath: string;
}

export interface FoundModels {
  /** One for each file. */
  readonly models: readonly FoundModel[];
  readonly links: FolderLinks;
}

export async function findModels(
  config: ModelsConfig,
  entries: readonly FolderEntry[],
  others: readonly ComponentConfig[],
): Promise<FoundModels> {
  const root = await realpath(config.path).catch(() => config.path);
  const links = await followFolderLinks(config, entries, { noun: 'model', isData: isModel, others });
  const models = new Map<string, FoundModel>();
  for (const { kind, meta } of entries) {
    if (kind === 'file' && isModelName(meta.path))
      models.set(meta.path, { path: meta.path, file: meta.path, absolutePath: join(root, meta.path) });
  }
  for (const [path, file] of links.files) {
    if (isModelName(path) && !models.has(file)) models.set(file, { path, file, absolutePath: join(root, path) });
  }
  return { models: [...models.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)), links };
}

export function isModelName(path: string): boolean {
  return ending.test(path);
}

/** Whether a model file can be loaded by name: of a model in several files only the first, which brings the others. */
export function isLoadable(path: string): boolean {
  const part = /-(\d{5})-of-\d{5}\.gguf$/i.exec(basename(path));
  return part === null || part[1] === '00001';
}

/** By the name, or by the first bytes of a file that can be read. */
async function isModel(path: string): Promise<boolean> {
  if (isModelName(path)) return true;
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(magic.length), 0, magic.length, 0);
    return buffer.toString('latin1', 0, bytesRead) === magic;
  } catch {
    return false;
  } finally {
    await file.close();
  }
}
