import type { ObjectInfo, Storage } from '../../storage/storage.ts';
import { folders, rootObjects } from '../layout.ts';
import { ownObjects } from '../own-objects.ts';

export interface Usage {
  readonly bytes: number;
  readonly objects: number;
  /** Bytes of the objects that were stored since the asked time, by the storage's clock. */
  readonly recentBytes: number;
}

/** Counts and sizes of the repository's own objects. */
export async function usageOf(storage: Storage, since: Date): Promise<Usage> {
  let [bytes, objects, recentBytes] = [0, 0, 0];
  for await (const { size, modifiedAt } of allOf(storage)) {
    bytes += size;
    objects += 1;
    if (modifiedAt >= since) recentBytes += size;
  }
  return { bytes, objects, recentBytes };
}

/** Folder by folder: into what else lies beside them nobody may be allowed to look. */
async function* allOf(storage: Storage): AsyncGenerator<ObjectInfo> {
  for (const key of rootObjects) {
    const object = await storage.stat(key);
    if (object !== undefined) yield object;
  }
  for (const folder of folders) yield* ownObjects(storage, folder);
}
