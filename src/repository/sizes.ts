/** Which of many objects are there, and how large. */
import { isLifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { inLanes } from '../domain/in-lanes.ts';
import { smallAtOnce } from './at-once.ts';
import { layout } from './layout.ts';
import { ownObjects } from './own-objects.ts';

/** More packs than these are looked up in a listing of all: a place that is far away lists a thousand in the time of one look. */
const maxLooks = 64;

/** Bytes by key; absent is what is not there. Each is asked for once. */
export async function sizesOf(storage: Storage, keys: Iterable<string>): Promise<ReadonlyMap<string, number>> {
  const wanted = new Set(keys);
  const packs = [...wanted].filter((key) => key.startsWith(layout.packs));
  const listed = packs.length > maxLooks ? await listedPacks(storage) : undefined;
  const sizes = new Map<string, number>();
  await inLanes(smallAtOnce, wanted, async (key) => {
    const isListed = listed !== undefined && key.startsWith(layout.packs);
    const size = isListed ? listed.get(key) : (await storage.stat(key))?.size;
    if (size !== undefined) sizes.set(key, size);
  });
  return sizes;
}

/** Undefined where nobody may look into one of their folders: what is asked for may lie in the others. */
async function listedPacks(storage: Storage): Promise<ReadonlyMap<string, number> | undefined> {
  const sizes = new Map<string, number>();
  try {
    for await (const { key, size } of ownObjects(storage, layout.packs)) sizes.set(key, size);
    return sizes;
  } catch (error) {
    if (!isLifeboatError(error, 'PermissionDenied')) throw error;
    return undefined;
  }
}
