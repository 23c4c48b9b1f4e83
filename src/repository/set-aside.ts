/**
 * Archived WAL that is damaged goes out of the archive: what can be restored is read from its names, and a name whose
 * bytes are worth nothing would promise what is not there. In a copy it makes room for the whole one.
 */
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { Opener } from './frame.ts';
import { layout } from './layout.ts';
import { authenticateWal } from './replicate/copy-wal.ts';

interface Context {
  readonly storage: Storage;
  readonly opener: Opener;
}

/** More at once is a broken disk or memory, of which a person must hear before anything moves. */
const mostAtOnce = 20;

/**
 * Gives the keys that went; each is read once more before, and its bytes stay below `damaged/`. ObjectCorrupt, and nothing
 * moved, where it would be many. A damaged history stays: its absence would not show as a hole.
 */
export async function setAsideWal({ storage, opener }: Context, keys: readonly string[]): Promise<string[]> {
  const damaged = new Map<string, Uint8Array>();
  for (const key of keys.filter((each) => !each.endsWith('.history'))) {
    const bytes = await damagedBytes(storage, opener, key);
    if (bytes !== undefined) damaged.set(key, bytes);
    if (damaged.size > mostAtOnce)
      throw new LifeboatError('ObjectCorrupt', `more than ${mostAtOnce} pieces of WAL are damaged at once`, {
        hint: 'nothing was moved: look at the disk and the memory of this place first',
      });
  }
  const aside: string[] = [];
  for (const [key, bytes] of damaged) {
    await storage.putIfAbsent(layout.damaged(key), bytes);
    // Something else may stand there, of another time.
    if (!Buffer.from(await storage.read(layout.damaged(key))).equals(bytes)) continue;
    await storage.remove(key);
    aside.push(key);
  }
  return aside;
}

async function damagedBytes(storage: Storage, opener: Opener, key: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await storage.read(key);
    try {
      authenticateWal(key, bytes, opener);
      return undefined;
    } catch (error) {
      if (isLifeboatError(error, 'ObjectCorrupt')) return bytes;
      throw error;
    }
  } catch (error) {
    if (isLifeboatError(error, 'ObjectMissing')) return undefined;
    throw error;
  }
}
