/** Brings WAL to another storage as it is archived. Remembers what is there, so that a push costs what came since. */
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { readIdentity } from '../identity.ts';
import { copyObjects, type NotCopied } from './copy-objects.ts';
import { copyWal, sizesIn } from './copy-wal.ts';
import { copySkeleton } from './skeleton.ts';
import { skeletonOptions, type ReplicateContext } from './context.ts';

export interface Pushed {
  readonly objects: number;
  readonly bytes: number;
  /** The first problem of what could not be copied because it is damaged here. */
  readonly problem?: LifeboatError;
}

/** What somebody took away there is noticed after that time; each list of a bucket costs. */
const listEveryMs = 600_000;

/**
 * Resolves when everything that was archived before the call is there, but for what is damaged here: what it copied was read
 * back, what stood there has the size of ours. What somebody relies on he names in `doubted`: that is compared, and nothing
 * of it may be damaged. RepositoryMismatch, ObjectCorrupt.
 */
export type PushWal = (signal: AbortSignal, doubted?: readonly string[]) => Promise<Pushed>;

/** After a failure another one is made: what is there may have changed. */
export function createWalPusher(context: ReplicateContext, target: Storage): PushWal {
  let there: Map<string, number> | undefined;
  /** What this one copied and read back. */
  const copied = new Set<string>();
  let listedAt = 0;
  return async (signal, doubted = []) => {
    if (there === undefined) await copySkeleton(context.storage, target, skeletonOptions(context));
    // Each time: a disk that was taken away leaves an empty folder.
    const { identity } = await readIdentity(target);
    if (identity.id !== context.id)
      throw new LifeboatError('RepositoryMismatch', `in ${target.description} lies repository ${identity.id}`, {
        hint: 'choose an empty folder or prefix for the location',
      });
    if (there === undefined || performance.now() - listedAt > listEveryMs) {
      there = await sizesIn(target);
      listedAt = performance.now();
    }
    const known = there;
    for (const key of doubted) if (!copied.has(key)) known.delete(key);
    const pushed = { objects: 0, bytes: 0 };
    let damaged: readonly NotCopied[] = [];
    await copyWal(context, target, {
      there: known,
      copy: async (objects, authenticate) => {
        damaged = await copyObjects({
          source: context.storage,
          target,
          keys: [...objects.keys()],
          authenticate,
          signal,
          onCopied: ({ key, bytes }) => {
            copied.add(key);
            pushed.objects += 1;
            pushed.bytes += bytes;
          },
        });
        const left = new Set(damaged.map(({ key }) => key));
        for (const [key, size] of objects) if (!left.has(key)) known.set(key, size);
      },
    });
    // What else is damaged was not to be forgotten now: it holds nothing up.
    const relied = damaged.find(({ key }) => doubted.includes(key));
    if (relied !== undefined) throw relied.error;
    const [first] = damaged;
    return first === undefined ? pushed : { ...pushed, problem: first.error };
  };
}
