/**
 * Writers and the collector keep out of each other's way: a writer stores its intent and then looks for a collector that
 * removes; the collector takes its lease and then looks for intents. Each writes before it looks, so at least one sees
 * the other. Several writers do not see each other.
 */
import { setTimeout } from 'node:timers/promises';
import { LifeboatError } from '../../domain/errors.ts';
import type { BackupId } from '../../domain/recovery-point.ts';
import { Unchanged } from '../../domain/unchanged.ts';
import type { Storage } from '../../storage/storage.ts';
import { decodeDocument, isUnreadable } from '../document.ts';
import { aheadHint, freeLease, leaseHolder, longestLeaseMs, type LeaseHolder } from '../lease-record.ts';
import { acquireLease, type Lease } from '../lease.ts';
import { backupIdOf, layout } from '../layout.ts';
import { ownObjects } from '../own-objects.ts';
import type { Secrets } from '../secrets.ts';

const leaseName = 'collection';
const pollMs = 2_000;
/** Removing takes seconds to minutes. Longer than a lease, which may have to be seen unrenewed for its whole time. */
const patienceMs = 15 * 60_000;

/** LockHeld where another collector works. */
export async function takeCollectionLease(
  storage: Storage,
  holder: string,
  secrets: Secrets | undefined,
): Promise<Lease> {
  return acquireLease(storage, { name: leaseName, holder, ttlMs: longestLeaseMs }, secrets);
}

/**
 * As `takeCollectionLease`; but an attempt of the same run that was given up, and may still be about to remove something, is
 * waited for until it is known to be dead, or its lease expired; and so is who holds a lease that no clock will end soon.
 */
export async function retakeCollectionLease(
  storage: Storage,
  { holder, signal, wait }: { readonly holder: string; readonly signal?: AbortSignal; readonly wait?: Wait },
  secrets: Secrets | undefined,
): Promise<Lease> {
  await holderAfter({ storage, secrets, signal, wait }, (current) => current.isAhead || current.holder === holder);
  return takeCollectionLease(storage, holder, secrets);
}

/** Collection stops waiting for an intent that was never closed. */
export const intentLifetimeMs = 7 * 24 * 3600 * 1000;

/** Ids of writers that are under way: neither closed nor expired. Of one that cannot be read nobody knows: it is, until it would expire. */
export async function openIntents(storage: Storage, secrets: Secrets | undefined): Promise<BackupId[]> {
  const now = await storage.now();
  const open: BackupId[] = [];
  for await (const { key, modifiedAt } of ownObjects(storage, layout.intents)) {
    const until = (await openUntil(storage, key, secrets)) ?? new Date(modifiedAt.getTime() + intentLifetimeMs);
    // One that was written in the future says nothing of when it ends.
    const isOpen = until > now && modifiedAt.getTime() < now.getTime() + intentLifetimeMs;
    if (isOpen) open.push(backupIdOf(key, layout.intent) ?? '');
  }
  return open;
}

/** In the past where it was closed; undefined where it cannot be read. */
async function openUntil(storage: Storage, key: string, secrets: Secrets | undefined): Promise<Date | undefined> {
  try {
    const { expiresAt, closedAt } = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as {
      readonly expiresAt: string;
      readonly closedAt?: string;
    };
    const until = new Date(closedAt === undefined ? expiresAt : 0);
    return Number.isNaN(until.getTime()) ? undefined : until;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}

const workingHint =
  'a collector that works renews its lease: wait for it or end it; of one that has ended it is free within 10 minutes';

/** Called with an intent stored. StorageFailed (tried again) where a collector removes for longer than usual. */
export async function awaitNoCollector(storage: Storage, secrets: Secrets | undefined, wait?: Wait): Promise<void> {
  const found = await holderAfter({ storage, secrets, wait }, () => true);
  if (found === undefined) return;
  const { holder, expiresAt, isAhead } = found;
  throw new LifeboatError(
    'StorageFailed',
    `collection by ${holder} is under way in ${storage.description}: it holds ${layout.lease(leaseName)} until ${expiresAt}`,
    {
      hint: `tried again by itself; ${isAhead ? aheadHint : workingHint}`,
    },
  );
}

interface Place {
  readonly storage: Storage;
  readonly secrets: Secrets | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly wait?: Wait | undefined;
}

/** Passes the time between two looks: `setTimeout` unless a test has another. */
type Wait = (ms: number, options: { readonly signal?: AbortSignal }) => Promise<unknown>;

const pause: Wait = async (ms, options) => setTimeout(ms, undefined, options);

/**
 * Who holds the lease once nobody does for whom to wait, or patience is over; undefined where nobody does. One that no clock
 * will end soon is freed on the way, after nobody was seen to renew it for as long as a lease lasts.
 */
async function holderAfter(
  { storage, secrets, signal, wait = pause }: Place,
  isWaitedFor: (holder: LeaseHolder) => boolean,
): Promise<LeaseHolder | undefined> {
  const unchanged = new Unchanged();
  for (const end = performance.now() + patienceMs; ;) {
    const holder = await leaseHolder(storage, leaseName, secrets);
    if (holder === undefined || !isWaitedFor(holder) || performance.now() > end) return holder;
    const stoodStillMs = unchanged.look(holder.version, performance.now());
    if (holder.isAhead && stoodStillMs > longestLeaseMs) await freeLease(storage, leaseName, holder, secrets);
    else await wait(pollMs, signal === undefined ? {} : { signal });
  }
}
