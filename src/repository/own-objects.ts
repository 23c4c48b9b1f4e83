/**
 * What lies in a storage, told apart by the keys alone: objects of a repository, and what somebody else put there (a file
 * manager's copy, a note, `lost+found`). The one place of the repository that lists a storage.
 */
import { LifeboatError } from '../domain/errors.ts';
import type { ObjectInfo, Storage, Stray } from '../storage/storage.ts';
import { isOwnFolder, kindOf } from './layout.ts';

/** The repository's objects below a folder, in key order. PermissionDenied where some may lie in a folder that is closed. */
export async function* ownObjects(storage: Storage, prefix: string): AsyncGenerator<ObjectInfo> {
  let problem = '';
  const told = (stray: Stray): void => {
    if (isClosed(stray)) problem = stray.problem;
  };
  for await (const object of storage.list(prefix, told)) if (kindOf(object.key) !== undefined) yield object;
  if (problem !== '') throw new LifeboatError('PermissionDenied', problem);
}

/** Whether one of the repository's objects lies below the folder. */
export async function holdsOwn(storage: Storage, prefix: string): Promise<boolean> {
  const { done } = await ownObjects(storage, prefix).next();
  return done !== true;
}

export interface Strays {
  /** What is not the repository's: paths relative to its place, a folder's ends in `/`. */
  readonly strays: readonly string[];
  /** Folders that may hold objects of the repository and that nobody may look into. */
  readonly closed: readonly string[];
}

/** All that lies in the place of a repository and is passed over everywhere else. */
export async function findStrays(storage: Storage): Promise<Strays> {
  const strays: string[] = [];
  const closed: string[] = [];
  const told = (stray: Stray): void => void (isClosed(stray) ? closed : strays).push(stray.path);
  for await (const { key } of storage.list('', told)) if (kindOf(key) === undefined) strays.push(key);
  return { strays, closed };
}

/** What lies in such a folder is not known to be absent. */
function isClosed({ path, problem }: Stray): boolean {
  return problem !== '' && isOwnFolder(path);
}
