/** Brings WAL to another storage as it is archived. Remembers what is there, so that a push costs what came since. */
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { readIdentity } from '../identity.ts';
import { layout } from '../layout.ts';
import { copyObjects } from './copy-objects.ts';
import { copyWal } from './copy-wal.ts';
import type { ReplicateContext } from './replicate.ts';
import { copySkeleton } from './skeleton.ts';

export interface Pushed {
  readonly objects: number;
  readonly bytes: number;
}

/** Resolves when everything that was archived before the call is there. RepositoryMismatch, ObjectCorrupt. */
export type PushWal = (signal: AbortSignal) => Promise<Pushed>;

export function createWalPusher(context: ReplicateContext, target: Storage): PushWal {
  let known: Set<string> | undefined;
  return async (signal) => {
    if (known === undefined) {
      await copySkeleton(context.storage, target);
      known = await keysOf(target);
    }
    // Each time: a disk that was taken away leaves an empty folder.
    const { identity } = await readIdentity(target);
    if (identity.id !== context.id)
      throw new LifeboatError('RepositoryMismatch', `in ${target.description} lies repository ${identity.id}`, {
        hint: 'choose an empty folder or prefix for the location',
      });
    const there = known;
    const pushed = { objects: 0, bytes: 0 };
    try {
      await copyWal(context, target, {
        there,
        copy: async (keys, authenticate) => {
          const [damaged] = await copyObjects({
            source: context.storage,
            target,
            keys,
            authenticate,
            signal,
            onCopied: ({ bytes }) => {
              pushed.objects += 1;
              pushed.bytes += bytes;
            },
          });
          if (damaged !== undefined) throw damaged;
          for (const key of keys) there.add(key);
        },
      });
    } catch (error) {
      // What is there is looked up anew: somebody may have emptied it.
      known = undefined;
      throw error;
    }
    return pushed;
  };
}

async function keysOf(target: Storage): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const { key } of target.list(layout.allWal)) keys.add(key);
  return keys;
}
