/**
 * Removes what no recovery point needs, in two runs at least 48 h apart:
 *
 *   expire   a point's manifest leaves, its bytes kept in its tombstone
 *   mark     objects that no manifest names get a tombstone: writers take them for absent from then on
 *   (48 h by the storage's clock, and every intent that was open closed or expired)
 *   sweep    marked again: what is named by now loses its tombstone, what is not goes, whole objects only
 *
 * Killed anywhere, the next run goes on. A manifest that cannot be read stops everything: nobody knows what it needs. So
 * does a listing that leaves out a point which is known to be there, and one that names no point at all.
 */
import { LifeboatError } from '../../domain/errors.ts';
import type { BackupId } from '../../domain/recovery-point.ts';
import type { ObjectInfo, Storage } from '../../storage/storage.ts';
import { manifestIds, readManifest } from '../catalogue.ts';
import { digestOf } from '../document.ts';
import { noteExpiry } from '../expiry.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import { smallAtOnce } from '../at-once.ts';
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
  /** Recovery points that are known to stay: a listing without one of them is not believed. None by default. */
  readonly keep?: readonly BackupId[];
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
    // Before the first leaves: a tombstone that nothing explains is told as a loss.
    if (options.expire.length > 0) await noteExpiry(context, { points: options.expire, by: options.holder });
    const expired = await inLanes(smallAtOnce, options.expire, async (id) => {
      options.signal?.throwIfAborted();
      await guard();
      await expire(context, id);
      return id;
    });
    // Before the manifests: who closes its intent has stored its manifest, so it is seen by one look or by the other.
    const waitsFor = await openIntents(storage, secrets);
    const points = await listedPoints(context, { ...options, open: new Set(waitsFor) });
    const nothing = { marked: 0, removed: 0, removedBytes: 0, walRemoved: 0 };
    if (points.length === 0 && expired.length === 0) return { expired, ...nothing, waitsFor };
    const needed = await neededKeys(context, points);
    const stones = await tombstones(storage);
    const swept = { removed: 0, removedBytes: 0 };
    let marked = 0;
    const now = (await storage.now()).getTime();
    const there = new Set<string>();
    const look = async ({ key, size }: ObjectInfo): Promise<void> => {
      options.signal?.throwIfAborted();
      const since = stones.get(key);
      if (since !== undefined) there.add(key);
      if (needed.has(key)) {
        // Named since: by a writer that was under way when it was marked.
        if (since !== undefined) await storage.remove(layout.tombstone(key));
      } else if (since === undefined) {
        // What a writer stored a moment ago is not named yet.
        if (waitsFor.length > 0) return;
        await storage.putIfAbsent(layout.tombstone(key), Buffer.from('{}\n'));
        marked += 1;
      } else if (now - since >= graceMs && waitsFor.length === 0) {
        await guard();
        await storage.remove(key);
        await storage.remove(layout.tombstone(key));
        swept.removed += 1;
        swept.removedBytes += size;
      }
    };
    for (const prefix of marking) await inLanes(smallAtOnce, ownObjects(storage, prefix), look);
    await forgetStones(
      storage,
      [...stones.keys()].filter((key) => !there.has(key)),
    );
    await forgetIntents(storage, new Set(waitsFor), now);
    await inLanes(smallAtOnce, options.wal.entries(), async ([number, key]) => {
      options.signal?.throwIfAborted();
      // Nobody builds on it: the lease only keeps two collectors apart.
      if (number % 100 === 0) await guard();
      await storage.remove(key);
    });
    return { expired, marked, ...swept, walRemoved: options.wal.length, waitsFor };
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
  const beside = [layout.refutation(id), refutedReportOf(id), layout.intent(id)];
  for await (const proof of ownObjects(storage, layout.proofs(id))) beside.push(proof.key);
  await Promise.all(beside.map(async (each) => storage.remove(each)));
}

/** Other bytes may stand there: of a run that was killed before the manifest was put back, or of somebody else. */
async function putStone(storage: Storage, stone: string, bytes: Uint8Array): Promise<void> {
  if ((await storage.putIfAbsent(stone, bytes)) === 'created') return;
  if (digestOf(await storage.read(stone)) === digestOf(bytes)) return;
  await storage.remove(stone);
  await storage.putIfAbsent(stone, bytes);
}

/**
 * The recovery points that are there, by the listing. Some storages leave names out for a while, and what such a point
 * needs would be removed: Precondition where one that is to stay, or that a writer of the last days sealed, lies there and is
 * not listed.
 */
async function listedPoints(
  { storage }: CollectContext,
  { keep = [], open }: { readonly keep?: readonly BackupId[]; readonly open: ReadonlySet<BackupId> },
): Promise<BackupId[]> {
  const ids = await manifestIds(storage);
  const listed = new Set(ids);
  const expected = new Set(keep);
  for await (const { key } of ownObjects(storage, layout.intents)) expected.add(backupIdOf(key, layout.intent) ?? '');
  const unlisted = [...expected].filter((id) => !listed.has(id) && !open.has(id));
  const leftOut = await inLanes(smallAtOnce, unlisted, async (id) =>
    (await storage.stat(layout.manifest(id))) === undefined ? [] : [id],
  );
  if (leftOut.flat().length === 0) return ids;
  throw new LifeboatError(
    'Precondition',
    `nothing was removed: the listing of ${storage.description} leaves out ${leftOut.flat().join(', ')}, which is there`,
    { hint: 'a disk that is not mounted, or a storage that shows late what it has; it is tried again by itself' },
  );
}

async function neededKeys(context: CollectContext, points: readonly BackupId[]): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  await inLanes(smallAtOnce, points, async (id) => {
    for (const { path } of (await readManifest(context, id)).backup_files) needed.add(path);
  });
  return needed;
}

/** What is marked: tombstones of manifests stay. */
const marking = [layout.packs, layout.indexes] as const;

/** When what was marked, by the storage's clock. */
async function tombstones(storage: Storage): Promise<Map<string, number>> {
  const stones = new Map<string, number>();
  for (const prefix of marking)
    for await (const { key, modifiedAt } of ownObjects(storage, layout.tombstone(prefix)))
      stones.set(key.slice(layout.tombstones.length), modifiedAt.getTime());
  return stones;
}

/** Removes marks of objects that were not there when all was listed: a run was killed between the two removals. What was stored since keeps its mark. */
async function forgetStones(storage: Storage, marked: readonly string[]): Promise<void> {
  await inLanes(smallAtOnce, marked, async (key) => {
    if ((await storage.stat(key)) === undefined) await storage.remove(layout.tombstone(key));
  });
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
