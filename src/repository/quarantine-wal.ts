/**
 * What is damaged and is only in the way goes out of its place, its bytes kept below `damaged/`. Of archived WAL, because what
 * can be restored is read from its names, and a name whose bytes are worth nothing would promise what is not there. Of
 * proofs, reports and what says how far the archive reaches, because they say nothing any more. In a copy it makes room for
 * the whole one.
 */
import { readFile } from 'node:fs/promises';
import { LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { isIntact, type CheckContext } from './check/check-object.ts';
import { isUnreadable } from './document.ts';
import { kindOf, type ObjectKind } from './layout.ts';
import { keepDamaged } from './replace-damaged.ts';

interface Context extends CheckContext {
  readonly storage: Storage;
}

type Kinds = readonly (ObjectKind | undefined)[];

/** A damaged history stays: its absence would not show as a hole. */
export const walThatMayGo: Kinds = ['wal'];
/** Not what says something by its mere presence: a hold, an intent, a tombstone. */
export const documentsThatMayGo: Kinds = ['coverage', 'proof', 'report'];

/** More at once is a broken disk or memory, of which a person must hear before anything moves. */
const maxAtOnce = 20;

/**
 * Gives the keys that went; each is read once more before, and its bytes stay below `damaged/`. ObjectCorrupt, and nothing
 * moved, where it would be many.
 */
export async function setAside(
  context: Context,
  keys: readonly string[],
  mayGo: Kinds,
  most = maxAtOnce,
): Promise<string[]> {
  const damaged = new Map<string, Damaged>();
  for (const key of keys.filter((each) => mayGo.includes(kindOf(each)))) {
    const found = await damagedAt(context, key);
    if (found !== undefined) damaged.set(key, found);
    if (damaged.size > most)
      throw new LifeboatError('ObjectCorrupt', `more than ${most} objects are damaged at once`, {
        hint: 'nothing was moved: look at the disk and the memory of this place first',
      });
  }
  const aside: string[] = [];
  for (const [key, found] of damaged) if (await moveAside(context, key, found)) aside.push(key);
  return aside;
}

/** False where it stays: it was written anew since, or its bytes could not be kept. */
async function moveAside(context: Context, key: string, { bytes, version }: Damaged): Promise<boolean> {
  const { storage } = context;
  if (!(await keepDamaged(storage, key, bytes))) return false;
  // Written anew since: then it is whole.
  if ((await storage.stat(key))?.version !== version) return false;
  const earlier = await earlierFile(context, key);
  // The plain file lags behind the versions, and is what was true before somebody or something spoiled the newest.
  if (earlier === undefined) await storage.remove(key);
  else await storage.replaceIf(key, version, earlier);
  return true;
}

/** On a disk, the plain file of an object that has versions, where it is whole. */
async function earlierFile(context: Context, key: string): Promise<Uint8Array | undefined> {
  const path = context.storage.fileOf?.(key);
  if (path === undefined) return undefined;
  const bytes = await readFile(path).catch(() => undefined);
  return bytes !== undefined && isIntact(context, key, bytes) ? bytes : undefined;
}

interface Damaged {
  readonly bytes: Uint8Array;
  readonly version: string;
}

async function damagedAt(context: Context, key: string): Promise<Damaged | undefined> {
  try {
    const { version = '' } = (await context.storage.stat(key)) ?? {};
    const bytes = await context.storage.read(key);
    return isIntact(context, key, bytes) ? undefined : { bytes, version };
  } catch (error) {
    // Gone since, or closed to us: there is nothing to move.
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}
