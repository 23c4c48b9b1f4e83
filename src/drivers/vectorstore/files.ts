/** The three files of a vector store, as the appliance's framework writes them. */
import { readFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { FolderEntry } from '../folder/walk-folder.ts';

export const indexFile = 'faiss_index.faiss';
/** Pickled Python objects: opaque bytes. Unpickling runs code, so nothing here ever does. */
export const pickleFile = 'faiss_index.pkl';
export const metadataFile = 'metadata.json';
export const storeFiles = [indexFile, pickleFile, metadataFile] as const;

export interface StoreMetadata {
  readonly documentCount: number | undefined;
  readonly embeddingModel: string | undefined;
}

/** Folders (relative to the root, `` for itself) that hold at least one of the three files. */
export function storeFolders(entries: readonly FolderEntry[]): string[] {
  return storeFoldersOf(entries.flatMap(({ kind, meta }) => (kind === 'file' ? [meta.path] : [])));
}

/** The same for paths of files. */
export function storeFoldersOf(paths: Iterable<string>): string[] {
  const folders = new Set<string>();
  for (const path of paths) {
    const { dir, base } = parse(path);
    if (storeFiles.some((name) => name === base)) folders.add(dir);
  }
  return [...folders];
}

/** Which of the three are not there. */
export function missingFiles(folder: string, entries: readonly FolderEntry[]): string[] {
  const paths = new Set(entries.filter(({ kind }) => kind === 'file').map(({ meta }) => meta.path));
  return storeFiles.filter((name) => !paths.has(join(folder, name)));
}

/** SourceCorrupt where it is not JSON of an object. */
export async function readMetadata(path: string, component?: string): Promise<StoreMetadata> {
  const metadata = parseMetadata(await readFile(path, 'utf8'));
  if (metadata === undefined) {
    throw new LifeboatError(
      'SourceCorrupt',
      `\`${path}\` is not a JSON object`,
      component === undefined ? {} : { component },
    );
  }
  return metadata;
}

/** Undefined where it is not JSON of an object. */
export function parseMetadata(text: string): StoreMetadata | undefined {
  const content = parseObject(text);
  if (content === undefined) return undefined;
  const { document_count: count, embedding_model: model } = content;
  return {
    documentCount: typeof count === 'number' ? count : undefined,
    embeddingModel: typeof model === 'string' ? model : undefined,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = parseJson(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
