/** Reads shares of everything again, whoever names it: bits rot in silence. A pack's name is the digest of its bytes, indexes and WAL are sealed. */
import { createHash } from 'node:crypto';
import { LifeboatError } from '../../domain/errors.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Opener } from '../frame.ts';
import { readIndexObject } from '../index-object.ts';
import { layout } from '../layout.ts';
import { authenticatePack } from '../replicate/copy-objects.ts';
import { authenticateWal } from '../replicate/copy-wal.ts';
import { coverageName } from '../wal-archive.ts';

export interface RereadOptions {
  /** The shares: each a number below `of`, by the object's name, so that after all of them everything was read. */
  readonly shares: readonly number[];
  readonly of: number;
  /** The same for WAL, which does not stay long. */
  readonly walShares: readonly number[];
  readonly walOf: number;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

export interface Reread {
  readonly objects: number;
  readonly bytes: number;
  /** Ids of packs that do not authenticate, or went while they were read. */
  readonly damagedPacks: readonly string[];
  /** Keys of such indexes, and of such archived WAL. */
  readonly damagedIndexes: readonly string[];
  readonly damagedWal: readonly string[];
}

interface Context {
  readonly storage: Storage;
  readonly opener: Opener;
}

export async function reread(context: Context, options: RereadOptions): Promise<Reread> {
  const { storage } = context;
  const progress = { objects: 0, bytes: 0 };
  const damagedOf = async (prefix: string, look: (key: string) => Promise<void>): Promise<string[]> => {
    const isWal = prefix === layout.allWal;
    const [shares, of] = isWal ? [options.walShares, options.walOf] : [options.shares, options.of];
    const damaged: string[] = [];
    for await (const { key, size } of storage.list(prefix)) {
      options.signal?.throwIfAborted();
      if (!shares.includes(shareOf(key, of)) || key.endsWith(`/${coverageName}`)) continue;
      try {
        await look(key);
      } catch (error) {
        if (!(error instanceof LifeboatError) || (error.code !== 'ObjectCorrupt' && error.code !== 'ObjectMissing'))
          throw error;
        // Retention removes WAL and indexes while they are looked at; what names one that is gone says so itself.
        if (prefix !== layout.packs && (await storage.stat(key)) === undefined) continue;
        damaged.push(key);
      }
      progress.objects += 1;
      progress.bytes += size;
      options.onProgress?.({ phase: 're-read', bytesDone: progress.bytes, bytesTotal: 0 });
    }
    return damaged;
  };
  const packs = await damagedOf(layout.packs, async (key) => authenticatePack(key, await storage.read(key)));
  const damagedIndexes = await damagedOf(layout.indexes, async (key) => readIndex(context, key));
  const damagedWal = await damagedOf(layout.allWal, async (key) =>
    authenticateWal(key, await storage.read(key), context.opener),
  );
  return { ...progress, damagedPacks: packs.map(nameOf), damagedIndexes, damagedWal };
}

function shareOf(key: string, of: number): number {
  return createHash('sha256').update(nameOf(key)).digest().readUInt32BE(0) % of;
}

async function readIndex({ storage, opener }: Context, key: string): Promise<void> {
  // oxlint-disable-next-line no-unused-vars -- each entry is authenticated as it comes.
  for await (const entry of readIndexObject(storage, nameOf(key), opener));
}

function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
