/** A storage of which a test does some calls itself. */
import type { Storage } from '../../src/storage/storage.ts';

export function replacing(storage: Storage, changes: Partial<Storage>): Storage {
  return new Proxy(storage, {
    get: (target, name) => {
      const own: unknown = Reflect.get(changes, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
