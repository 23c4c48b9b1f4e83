/** The three files of a vector store, as the appliance's framework writes them. */
import { readFile } from 'node:fs/promises';
import { dirname, basename } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import { parseJson } from '../../json/parse-json.ts';

export const indexFile = 'faiss_index.faiss';
/** Pickled Python objects: opaque bytes. Unpickling runs code, so nothing here ever does. */
export const pickleFile = 'faiss_index.pkl';
export const metadataFile = 'metadata.json';
export const storeFiles = [indexFile, pickleFile, metadataFile] as const;
export type StoreFile = (typeof storeFiles)[number];

export interface StoreMetadata {
  readonly documentCount: number | undefined;
  readonly embeddingModel: string | undefined;
}

export function isStoreFile(name: string): name is StoreFile {
  return storeFiles.some((each) => each === name);
}

/** The folder of a path below the component's own; empty for what lies in that itself. */
export function folderOf(path: string): string {
  const folder = dirname(path);
  return folder === '.' ? '' : folder;
}

/** Folders with at least one of the three among these paths of files. */
export function storeFoldersOf(paths: Iterable<string>): string[] {
  return [...new Set([...paths].filter((path) => isStoreFile(basename(path))).map(folderOf))];
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
