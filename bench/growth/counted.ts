/** A storage that counts what is asked of it. */
import type { Storage } from '../../src/storage/storage.ts';

export interface Counted {
  readonly storage: Storage;
  readonly requests: () => number;
}

/** Each is at least one way to the place and back; a listing counts as one, whatever its length. */
const asked: ReadonlySet<string | symbol> = new Set([
  'putIfAbsent',
  'replaceIf',
  'read',
  'readInto',
  'stat',
  'list',
  'remove',
  'sweepStaged',
  'now',
  'space',
  'sha256',
] satisfies (keyof Storage)[]);

export function counted(storage: Storage): Counted {
  let requests = 0;
  const commit: Storage['commit'] = async (staged) => {
    requests += staged.length;
    return storage.commit(staged);
  };
  const proxy = new Proxy(storage, {
    get: (target, name) => {
      if (name === 'commit') return commit;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...args: unknown[]) => unknown;
      if (!asked.has(name)) return method;
      return (...args: unknown[]): unknown => {
        requests += 1;
        return method(...args);
      };
    },
  });
  return { storage: proxy, requests: () => requests };
}
