/** Brings WAL to another storage as it is archived. Remembers what is there, so that a push costs what came since. */
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { readIdentity } from '../identity.ts';
import { copyObjects } from './copy-objects.ts';
import { copyWal, sizesIn } from './copy-wal.ts';
import { skeletonOptions, type ReplicateContext } from './replicate.ts';
import { copySkeleton } from './skeleton.ts';

export interface Pushed {
  readonly objects: number;
  readonly bytes: number;
}

/** What somebody took away there is noticed after that time; each list of a bucket costs. */
const listEveryMs = 600_000;

/**
 * Resolves when everything that was archived before the call is there: what it copied was read back, what stood there has the
 * size of ours. What somebody relies on by itself he names in `doubted`: that is compared. RepositoryMismatch, ObjectCorrupt.
 */
export type PushWal = (signal: AbortSignal, doubted?: readonly string[]) => Promise<Pushed>;

/** After a failure another one is made: what is there may have changed. */
export function createWalPusher(context: ReplicateContext, target: Storage): PushWal {
  let there: Map<string, number> | undefined;
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
    for (const key of doubted) known.delete(key);
    const pushed = { objects: 0, bytes: 0 };
    let problem: LifeboatError | undefined;
    await copyWal(context, target, {
      there: known,
      copy: async (objects, authenticate) => {
        const [damaged] = await copyObjects({
          source: context.storage,
          target,
          keys: [...objects.keys()],
          authenticate,
          signal,
          onCopied: ({ bytes }) => {
            pushed.objects += 1;
            pushed.bytes += bytes;
          },
        });
        // What else there is goes on; who waits for everything goes on waiting.
        problem = damaged;
        if (damaged === undefined) for (const [key, size] of objects) known.set(key, size);
      },
    });
    if (problem !== undefined) throw problem;
    return pushed;
  };
}
