/** Which folders of a component hold a vector store: by the names of its three files, of which each may be a link. */
import { basename, join } from 'node:path';
import type { ComponentConfig, VectorstoreConfig } from '../../domain/appliance.ts';
import { followFolderLinks, type FolderLinks } from '../folder/folder-links.ts';
import type { FolderEntry } from '../folder/walk-folder.ts';
import { folderOf, indexFile, isStoreFile, type StoreFile } from './files.ts';

export interface FoundStore {
  /** Relative to the component's folder, `` for itself. */
  readonly folder: string;
  /** Where the bytes of each file that is there lie, below the component's folder: itself, or what a link leads to. */
  readonly files: ReadonlyMap<StoreFile, string>;
}

export interface FoundStores {
  readonly stores: readonly FoundStore[];
  readonly links: FolderLinks;
}

/** Folders with at least one of the three files. One whose index is a link to the index of another store is that store. */
export async function findStores(
  config: VectorstoreConfig,
  entries: readonly FolderEntry[],
  others: readonly ComponentConfig[],
): Promise<FoundStores> {
  const links = await followFolderLinks(config, entries, { noun: 'vector store', isData: isOfStore, others });
  const found = new Map<string, Map<StoreFile, string>>();
  const add = (path: string, file: string): void => {
    const [folder, name] = [folderOf(path), basename(path)];
    if (!isStoreFile(name)) return;
    const files = found.get(folder) ?? new Map<StoreFile, string>();
    found.set(folder, files.set(name, file));
  };
  for (const { kind, meta } of entries) if (kind === 'file') add(meta.path, meta.path);
  for (const [path, file] of links.files) add(path, file);
  const stores = [...found]
    .map(([folder, files]): FoundStore => ({ folder, files }))
    .filter((store) => !isOtherName(store, found));
  return { stores, links };
}

/** All of whose files are those of another store, by the same names. */
function isOtherName(
  { folder, files }: FoundStore,
  found: ReadonlyMap<string, ReadonlyMap<StoreFile, string>>,
): boolean {
  const other = folderOf(files.get(indexFile) ?? join(folder, indexFile));
  return other !== folder && [...files].every(([name, file]) => found.get(other)?.get(name) === file);
}

/** Indexes and pickles of any name: an application may link to them by the names that it knows. */
async function isOfStore(path: string): Promise<boolean> {
  return /\.(faiss|pkl)$/i.test(path) || isStoreFile(basename(path));
}
