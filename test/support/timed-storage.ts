/** A storage whose clock the test sets: what is stored has its time of then. */
import type { ObjectInfo, Storage } from '../../src/storage/storage.ts';
import { replacing } from './replacing.ts';

export interface Clock {
  now: Date;
}

export function timed(storage: Storage, clock: Clock): Storage {
  const times = new Map<string, Date>();
  const dated = (info: ObjectInfo): ObjectInfo => ({ ...info, modifiedAt: times.get(info.key) ?? info.modifiedAt });
  const changes: Partial<Storage> = {
    now: async () => new Date(clock.now),
    async commit(staged) {
      await storage.commit(staged);
      for (const { key } of staged) if (!times.has(key)) times.set(key, new Date(clock.now));
    },
    async putIfAbsent(key, bytes) {
      const result = await storage.putIfAbsent(key, bytes);
      if (result === 'created') times.set(key, new Date(clock.now));
      return result;
    },
    async replaceIf(key, expected, bytes) {
      const version = await storage.replaceIf(key, expected, bytes);
      if (version !== undefined) times.set(key, new Date(clock.now));
      return version;
    },
    async remove(key) {
      await storage.remove(key);
      times.delete(key);
    },
    async stat(key) {
      const info = await storage.stat(key);
      return info === undefined ? undefined : dated(info);
    },
    async *list(prefix, onStray) {
      for await (const info of storage.list(prefix, onStray)) yield dated(info);
    },
  };
  return replacing(storage, changes);
}
