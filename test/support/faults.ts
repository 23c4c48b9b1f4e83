/** A storage that breaks on purpose: tests fail the Nth call for N = 1, 2, 3… and count what a run costs. */
import { LifeboatError } from '../../src/domain/errors.ts';
import type { StagedObject, Storage } from '../../src/storage/storage.ts';

export interface FaultPlan {
  /** 1 is the first call. Without it every call works and is only recorded. */
  readonly failAt?: number;
  /** `before` (default): nothing happened. `after`: it happened, but the answer was lost. */
  readonly when?: 'before' | 'after';
  readonly error?: () => Error;
}

export interface FaultyStorage extends Storage {
  /** Method and key of each call so far, `append` of staged objects too. */
  readonly calls: readonly string[];
}

export function withFaults(storage: Storage, plan: FaultPlan = {}): FaultyStorage {
  const calls: string[] = [];
  const inner = new WeakMap<StagedObject, StagedObject>();

  async function call<T>(name: string, run: () => Promise<T>, drop?: (lost: T) => Promise<void>): Promise<T> {
    calls.push(name);
    const fails = calls.length === plan.failAt;
    if (fails && plan.when !== 'after') throw fault(name);
    const result = await run();
    if (!fails) return result;
    await drop?.(result);
    throw fault(name);
  }

  function fault(name: string): Error {
    return plan.error?.() ?? new LifeboatError('StorageFailed', `fault injected at call ${calls.length}: ${name}`);
  }

  function wrapStaged(staged: StagedObject): StagedObject {
    const wrapped: StagedObject = {
      key: staged.key,
      get size() {
        return staged.size;
      },
      append: (bytes) => call(`append ${staged.key}`, () => staged.append(bytes)),
      discard: () => staged.discard(),
    };
    inner.set(wrapped, staged);
    return wrapped;
  }

  return {
    calls,
    description: storage.description,
    // A handle that nobody got must still be closed.
    stage: (key) =>
      call(
        `stage ${key}`,
        async () => wrapStaged(await storage.stage(key)),
        (lost) => lost.discard(),
      ),
    commit: (staged) =>
      call(`commit ${staged.map(({ key }) => key).join(' ')}`, () =>
        storage.commit(staged.map((object) => inner.get(object) ?? object)),
      ),
    putIfAbsent: (key, bytes) => call(`putIfAbsent ${key}`, () => storage.putIfAbsent(key, bytes)),
    replaceIf: (key, expected, bytes) => call(`replaceIf ${key}`, () => storage.replaceIf(key, expected, bytes)),
    read: (key, range) => call(`read ${key}`, () => storage.read(key, range)),
    readInto: (key, offset, into) => call(`readInto ${key}`, () => storage.readInto(key, offset, into)),
    stat: (key) => call(`stat ${key}`, () => storage.stat(key)),
    async *list(prefix, onStray) {
      await call(`list ${prefix}`, async () => {});
      yield* storage.list(prefix, onStray);
    },
    remove: (key) => call(`remove ${key}`, () => storage.remove(key)),
    sweepStaged: (olderThanMs) => call('sweepStaged', () => storage.sweepStaged(olderThanMs)),
    now: () => call('now', () => storage.now()),
    space: () => call('space', () => storage.space()),
  };
}
