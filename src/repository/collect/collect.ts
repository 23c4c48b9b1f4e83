/**
 * Removes what no recovery point needs, in two runs at least 48 h apart:
 *
 *   expire   a point's manifest leaves, its bytes kept in its tombstone
 *   mark     objects that no manifest names get a tombstone: writers take them for absent from then on
 *   (48 h by the storage's clock, and every intent that was open closed or expired)
 *   sweep    marked again: what is named by now loses its tombstone, what is not goes, whole objects only
 *
 * Killed anywhere, the next run goes on. A manifest that cannot be read stops everything: nobody knows what it needs.
 */
import type { BackupId } from '../../domain/recovery-point.ts';
import type { Storage } from '../../storage/storage.ts';
import { manifestIds, readManifest } from '../catalogue.ts';
import { digestOf } from '../document.ts';
import { noteExpiry } from '../expiry.ts';
import { backupIdOf, layout } from '../layout.ts';
import { decodeManifest } from '../manifest.ts';
import { ownObjects } from '../own-objects.ts';
import { refutedReportOf } from '../refutations.ts';
import type { Secrets } from '../secrets.ts';
import type { Lease } from '../lease.ts';
import { openIntents, retakeCollectionLease } from './exclusion.ts';

/** Time to notice a mistake, and for a storage that shows late what it has. */
export const graceMs = 48 * 3600_000;

export interface CollectContext {
  readonly storage: Storage;
  readonly id: string;
  readonly secrets: Secrets | undefined;
}

export interface CollectOptions {
  /** Recovery points that leave. */
  readonly expire: readonly BackupId[];
  /** Keys of archived WAL that nothing needs; they go at once, for no writer builds on them. */
  readonly wal: readonly string[];
  /** For people: who collects. */
  readonly holder: string;
  readonly signal?: AbortSignal;
}

export interface Collected {
  readonly expired: readonly BackupId[];
  readonly marked: number;
  readonly removed: number;
  readonly removedBytes: number;
  readonly walRemoved: number;
  /** Writers that were under way: removing waits for them. */
  readonly waitsFor: readonly BackupId[];
}

/** LockHeld where another collector works; Fenced where one took over. */
export async function collect(context: CollectContext, options: CollectOptions): Promise<Collected> {
  const { storage, secrets } = context;
  const lease = await retakeCollectionLease(storage, options, secrets);
  const { guard, stop } = guardOf(lease);
  try {
    const expired: BackupId[] = [];
    // Before the first leaves: a tombstone that nothing explains is told as a loss.
    if (options.expire.length > 0) await noteExpiry(context, { points: options.expire, by: options.holder });
    for (const id of options.expire) {
      options.signal?.throwIfAborted();
      await guard();
      await expire(context, id);
      expired.push(id);
    }
    const needed = await neededKeys(context);
    const waitsFor = await openIntents(storage, secrets);
    const stones = await tombstones(storage);
    const swept = { removed: 0, removedBytes: 0 };
    let marked = 0;
    const now = (await storage.now()).getTime();
    for (const prefix of [layout.packs, layout.indexes]) {
      for await (const { key, size } of ownObjects(storage, prefix)) {
        options.signal?.throwIfAborted();
        const since = stones.get(key);
        if (needed.has(key)) {
          // Named since: by a writer that was under way when it was marked.
          if (since !== undefined) await storage.remove(layout.tombstone(key));
        } else if (since === undefined) {
          // What a writer stored a moment ago is not named yet.
          if (waitsFor.length > 0) continue;
          await storage.putIfAbsent(layout.tombstone(key), Buffer.from('{}\n'));
          marked += 1;
        } else if (now - since >= graceMs && waitsFor.length === 0) {
          await guard();
          await storage.remove(key);
          await storage.remove(layout.tombstone(key));
          swept.removed += 1;
          swept.removedBytes += size;
        }
      }
    }
    await forgetStones(storage, stones);
    await forgetIntents(storage, new Set(waitsFor), now);
    let walRemoved = 0;
    for (const key of options.wal) {
      options.signal?.throwIfAborted();
      // Nobody builds on it: the lease only keeps two collectors apart.
      if (walRemoved % 100 === 0) await guard();
      await storage.remove(key);
      walRemoved += 1;
    }
    return { expired, marked, ...swept, walRemoved, waitsFor };
  } finally {
    await stop();
    await lease.release();
  }
}

/** The tombstone comes first: a manifest that is gone without one is damage. ManifestInvalid for one that cannot be read. */
async function expire(context: CollectContext, id: BackupId): Promise<void> {
  const { storage } = context;
  const key = layout.manifest(id);
  if ((await storage.stat(key)) === undefined) return;
  const bytes = await storage.read(key);
  decodeManifest(id, bytes, context);
  await putStone(storage, layout.tombstone(key), bytes);
  await storage.remove(key);
  for await (const proof of ownObjects(storage, layout.proofs(id))) await storage.remove(proof.key);
  await storage.remove(layout.refutation(id));
  await storage.remove(refutedReportOf(id));
  await storage.remove(layout.intent(id));
}

/** Other bytes may stand there: of a run that was killed before the manifest was put back, or of somebody else. */
async function putStone(storage: Storage, stone: string, bytes: Uint8Array): Promise<void> {
  if ((await storage.putIfAbsent(stone, bytes)) === 'created') return;
  if (digestOf(await storage.read(stone)) === digestOf(bytes)) return;
  await storage.remove(stone);
  await storage.putIfAbsent(stone, bytes);
}

async function neededKeys(context: CollectContext): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  for (const id of await manifestIds(context.storage))
    for (const { path } of (await readManifest(context, id)).backup_files) needed.add(path);
  return needed;
}

/** When what was marked, by the storage's clock. */
async function tombstones(storage: Storage): Promise<Map<string, number>> {
  const stones = new Map<string, number>();
  for await (const { key, modifiedAt } of ownObjects(storage, layout.tombstones))
    stones.set(key.slice(layout.tombstones.length), modifiedAt.getTime());
  return stones;
}

/** Of packs and indexes that are gone: a run was killed between the two removals. Those of manifests stay. */
async function forgetStones(storage: Storage, stones: ReadonlyMap<string, number>): Promise<void> {
  for (const key of stones.keys()) {
    if (key.startsWith(layout.manifests) || (await storage.stat(key)) !== undefined) continue;
    await storage.remove(layout.tombstone(key));
  }
}

/** A closed one has done its work; its id stays taken by manifest or tombstone. */
async function forgetIntents(storage: Storage, open: ReadonlySet<BackupId>, now: number): Promise<void> {
  for await (const { key, modifiedAt } of ownObjects(storage, layout.intents)) {
    const id = backupIdOf(key, layout.intent) ?? '';
    if (!open.has(id) && now - modifiedAt.getTime() >= graceMs) await storage.remove(key);
  }
}

const renewEveryMs = 60_000;

/** Renews the lease for as long as it takes; `guard` is called just before each removal that cannot be taken back. */
function guardOf(lease: Lease): { readonly guard: () => Promise<void>; readonly stop: () => Promise<void> } {
  let renewal: Promise<void> = Promise.resolve();
  // A renewal that fails shows in the next `assertHeld`, when its time is over.
  const renewing = setInterval(() => {
    renewal = lease.renew().catch(() => undefined);
  }, renewEveryMs);
  return {
    guard: async () => lease.assertHeld(),
    stop: async () => {
      clearInterval(renewing);
      await renewal;
    },
  };
}
