/** Under which names a restored index opens its lists: where it is not live yet, the live ones stand under its own names. */
import { lstat, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { isInside } from '../files/paths.ts';
import type { FolderPlace } from '../folder/link-probes.ts';
import { storeFilePath, type StoreFacts } from './facts.ts';
import { indexFile } from './files.ts';
import { findOnDiskLists, listsOf, type OnDiskLists } from './on-disk-lists.ts';

export interface RestoredStore {
  /** Where the component's folder stands: itself, or its staging. */
  readonly root: string;
  /** Where it lay at the capture. A recovery point of an older version does not say. */
  readonly place: FolderPlace | undefined;
  readonly store: StoreFacts;
}

/**
 * Nothing where the index may open what it names. SourceCorrupt for lists that the recovery point does not have, or that
 * the index would not find where it is restored to.
 */
export async function ownLists(
  config: VectorstoreConfig,
  { root, place, store }: RestoredStore,
): Promise<readonly OnDiskLists[]> {
  const refuse = (why: string): LifeboatError => new LifeboatError('SourceCorrupt', why, { component: config.id });
  const index = join(root, storeFilePath(store, indexFile));
  const lists = await findOnDiskLists(index).catch((error: unknown) => {
    throw refuse(`\`${index}\` cannot be read: ${(error as Error).message}`);
  });
  if (lists.length === 0) return [];
  if (root === config.path) {
    const files = new Map([[indexFile, storeFilePath(store, indexFile)]] as const);
    const [fault] = (await listsOf(config, { folder: store.folder, files })).faults;
    if (fault === undefined) return [];
    throw refuse(fault.message);
  }
  const places = place === undefined ? [config.path] : [place.path, place.real];
  const live = [config.path, await realpath(config.path).catch(() => config.path)];
  return Promise.all(
    lists.map(async ({ name, at }, position) => {
      const text = Buffer.from(name, 'latin1').toString('utf8');
      const keeps = `the index keeps its vectors in \`${text}\``;
      const from = places.find((folder) => isInside(text, folder));
      const file = store.lists?.[position] ?? (from === undefined ? undefined : relative(from, text));
      const staged = file === undefined ? undefined : await fileIn(root, file);
      if (staged === undefined) throw refuse(`${keeps}, which is not in the recovery point`);
      const isMoved = !places.includes(config.path) && !live.some((folder) => isInside(text, folder));
      if (isMoved) throw refuse(`${keeps}, and is restored to \`${config.path}\`, where it would not find it`);
      return { name: Buffer.from(staged).toString('latin1'), at };
    }),
  );
}

/** Undefined unless it is a file of that folder, and no link leads there. */
async function fileIn(root: string, file: string): Promise<string | undefined> {
  const folder = await realpath(root);
  const path = join(folder, file);
  const real = await realpath(path).catch(() => undefined);
  return real === path && isInside(path, folder) && (await lstat(path)).isFile() ? path : undefined;
}
