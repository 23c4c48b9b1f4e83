/**
 * Writers and the collector keep out of each other's way: a writer stores its intent and then looks for a collector that
 * removes; the collector takes its lease and then looks for intents. Each writes before it looks, so at least one sees
 * the other. Several writers do not see each other.
 */
import { setTimeout } from 'node:timers/promises';
import { LifeboatError } from '../../domain/errors.ts';
import type { BackupId } from '../../domain/recovery-point.ts';
import type { Storage } from '../../storage/storage.ts';
import { decodeDocument } from '../document.ts';
import { acquireLease, leaseHolder, type Lease } from '../lease.ts';
import { layout } from '../layout.ts';
import type { Secrets } from '../secrets.ts';

const leaseName = 'collection';
const leaseMs = 10 * 60_000;
const pollMs = 2_000;
/** Removing takes seconds to minutes. */
const patienceMs = 15 * 60_000;

/** LockHeld where another collector works. */
export async function takeCollectionLease(
  storage: Storage,
  holder: string,
  secrets: Secrets | undefined,
): Promise<Lease> {
  return acquireLease(storage, { name: leaseName, holder, ttlMs: leaseMs }, secrets);
}

/** Ids of writers that are under way: neither closed nor expired. */
export async function openIntents(storage: Storage, secrets: Secrets | undefined): Promise<BackupId[]> {
  const now = await storage.now();
  const open: BackupId[] = [];
  for await (const { key } of storage.list(layout.intents)) {
    const intent = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as {
      readonly backupId: BackupId;
      readonly expiresAt: string;
      readonly closedAt?: string;
    };
    if (intent.closedAt === undefined && new Date(intent.expiresAt) > now) open.push(intent.backupId);
  }
  return open;
}

/** Called with an intent stored. StorageFailed (tried again) where a collector removes for longer than usual. */
export async function awaitNoCollector(storage: Storage, secrets: Secrets | undefined): Promise<void> {
  for (const end = performance.now() + patienceMs; ;) {
    const holder = await leaseHolder(storage, leaseName, secrets);
    if (holder === undefined) return;
    if (performance.now() > end)
      throw new LifeboatError('StorageFailed', `collection by ${holder} is under way in ${storage.description}`);
    await setTimeout(pollMs);
  }
}
