import type { Storage } from '../../storage/storage.ts';

export interface Usage {
  readonly bytes: number;
  readonly objects: number;
  /** Bytes of the objects that were stored since the asked time, by the storage's clock. */
  readonly recentBytes: number;
}

export async function usageOf(storage: Storage, since: Date): Promise<Usage> {
  let [bytes, objects, recentBytes] = [0, 0, 0];
  for await (const { size, modifiedAt } of storage.list('')) {
    bytes += size;
    objects += 1;
    if (modifiedAt >= since) recentBytes += size;
  }
  return { bytes, objects, recentBytes };
}
