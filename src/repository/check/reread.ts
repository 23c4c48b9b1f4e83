/**
 * Reads shares of everything again, whoever names it: bits rot in silence. A pack's name is the digest of its bytes, indexes
 * and WAL are sealed, and every document has its authentication code.
 */
import { createHash } from 'node:crypto';
import { isLifeboatError } from '../../domain/errors.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { ObjectInfo, Storage } from '../../storage/storage.ts';
import { isUnreadable } from '../document.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import { largeAtOnce, smallAtOnce } from '../at-once.ts';
import { readIndexObject } from '../index-object.ts';
import { folders, kindOf, layout } from '../layout.ts';
import { ownObjects } from '../own-objects.ts';
import { authenticatePack } from '../replicate/copy-objects.ts';
import { isIntact, type CheckContext } from './check-object.ts';

export interface RereadOptions {
  /** The shares: each a number below `of`, by the object's name, so that after all of them everything was read. */
  readonly shares: readonly number[];
  readonly of: number;
  /** The same for WAL, which does not stay long. */
  readonly walShares: readonly number[];
  readonly walOf: number;
  /** The same for documents (keys, manifests, proofs, reports and the like); by default as the first. */
  readonly documentShares?: readonly number[];
  readonly documentOf?: number;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

export interface Reread {
  /** Packs, indexes and WAL. */
  readonly objects: number;
  readonly documents: number;
  readonly bytes: number;
  /** Ids of packs that do not authenticate, or went while they were read. */
  readonly damagedPacks: readonly string[];
  /** Keys of such indexes, of such archived WAL, and of such documents. */
  readonly damagedIndexes: readonly string[];
  readonly damagedWal: readonly string[];
  readonly damagedDocuments: readonly string[];
}

interface Context extends CheckContext {
  readonly storage: Storage;
}

interface Share {
  readonly shares: readonly number[];
  readonly of: number;
}

const wholeKinds: readonly (string | undefined)[] = ['pack', 'index', 'wal', 'history'];

export async function reread(context: Context, options: RereadOptions): Promise<Reread> {
  const { storage } = context;
  const { signal, onProgress } = options;
  const progress = { objects: 0, documents: 0, bytes: 0 };
  const count = (kind: 'objects' | 'documents', size: number): void => {
    progress[kind] += 1;
    progress.bytes += size;
    onProgress?.({ phase: 're-read', bytesDone: progress.bytes, bytesTotal: 0 });
  };
  const damagedOf = async (
    prefix: string,
    share: Share,
    look: (key: string) => Promise<boolean>,
  ): Promise<string[]> => {
    const damaged = await inLanes(largeAtOnce, wholesOf(storage, prefix, share), async ({ key, size }) => {
      signal?.throwIfAborted();
      const found = (await isDamaged(storage, key, look)) ? [key] : [];
      count('objects', size);
      return found;
    });
    return damaged.flat();
  };
  const whole = { shares: options.shares, of: options.of };
  const packs = await damagedOf(layout.packs, whole, async (key) => {
    authenticatePack(key, await storage.read(key));
    return true;
  });
  const damagedIndexes = await damagedOf(layout.indexes, whole, async (key) => readIndex(context, key));
  const damagedWal = await damagedOf(layout.allWal, { shares: options.walShares, of: options.walOf }, async (key) =>
    isIntact(context, key, await storage.read(key)),
  );
  const { documentShares: shares = options.shares, documentOf: of = options.of } = options;
  const documents = await inLanes(smallAtOnce, documentsOf(storage, { shares, of }), async ({ key, size }) => {
    signal?.throwIfAborted();
    const look = async (): Promise<boolean> => isIntact(context, key, await storage.read(key));
    const found = (await isDamaged(storage, key, look)) ? [key] : [];
    count('documents', size);
    return found;
  });
  return {
    ...progress,
    damagedPacks: packs.map(nameOf),
    damagedIndexes,
    damagedWal,
    damagedDocuments: documents.flat().sort(),
  };
}

/** Packs, indexes and WAL below a folder. */
async function* wholesOf(storage: Storage, prefix: string, share: Share): AsyncGenerator<ObjectInfo> {
  for await (const object of ownObjects(storage, prefix))
    if (wholeKinds.includes(kindOf(object.key)) && isIn(share, object)) yield object;
}

/** Everything that is neither pack, index nor WAL. */
async function* documentsOf(storage: Storage, share: Share): AsyncGenerator<ObjectInfo> {
  const identity = await storage.stat(layout.repository);
  if (identity !== undefined && isIn(share, identity)) yield identity;
  for (const folder of folders) {
    if (folder === layout.packs || folder === layout.indexes || folder === layout.allDamaged) continue;
    for await (const object of ownObjects(storage, folder))
      if (!wholeKinds.includes(kindOf(object.key)) && isIn(share, object)) yield object;
  }
}

async function isDamaged(storage: Storage, key: string, look: (key: string) => Promise<boolean>): Promise<boolean> {
  try {
    return !(await look(key));
  } catch (error) {
    // What a newer version wrote is no damage.
    if (isLifeboatError(error, 'FormatTooNew')) return false;
    const isClosed = isLifeboatError(error, 'PermissionDenied') && wholeKinds.includes(kindOf(key));
    if (isClosed || !isUnreadable(error)) throw error;
    // Much is removed while it is looked at; what names one that is gone says so itself.
    return key.startsWith(layout.packs) || (await storage.stat(key)) !== undefined;
  }
}

function isIn({ shares, of }: Share, { key }: ObjectInfo): boolean {
  return shares.includes(createHash('sha256').update(nameOf(key)).digest().readUInt32BE(0) % of);
}

async function readIndex({ storage, opener }: Context, key: string): Promise<boolean> {
  await readIndexObject(storage, nameOf(key), opener);
  return true;
}

function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
