/**
 * Who holds a lease, as it is stored. Ends are compared with the storage's clock. One that is further away than a lease lasts
 * was written while that clock was ahead, or is looked at while it is behind; no clock tells which. Who was seen not to
 * renew it for as long as a lease lasts does not hold it any more.
 */
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import { maxSkewSeconds } from '../domain/skew.ts';
import { isProvenDead, type ProcessIdentity } from '../programs/process-identity.ts';
import type { ObjectInfo, Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument } from './document.ts';
import { layout } from './layout.ts';
import type { Secrets } from './secrets.ts';

export interface LeaseRecord {
  readonly holder: string;
  readonly token: number;
  readonly expiresAt: string;
  readonly released: boolean;
  /** That of the holder. Older versions do not say. */
  readonly process?: ProcessIdentity;
}

/** What a person does about one whose end is further away than a lease lasts. */
export const aheadHint =
  'a clock was or is wrong, check it; the next backup or retention frees the lease after 10 minutes without a renewal';

export interface LeaseHolder {
  readonly holder: string;
  readonly expiresAt: string;
  /** Changes with each renewal. */
  readonly version: string;
  /** Its end is further away than any lease lasts. */
  readonly isAhead: boolean;
}

/** No lease is given for longer between two renewals. */
export const longestLeaseMs = 10 * 60_000;

/** Who holds a lease; undefined where nobody does. */
export async function leaseHolder(
  storage: Storage,
  name: string,
  secrets: Secrets | undefined,
): Promise<LeaseHolder | undefined> {
  const info = await storage.stat(layout.lease(name));
  if (info === undefined) return undefined;
  const record = await readRecord(storage, info, secrets);
  const now = await storage.now();
  if (isFree(record, now)) return undefined;
  const { holder, expiresAt } = record;
  return { holder, expiresAt, version: info.version, isAhead: isAhead(new Date(expiresAt), now) };
}

/** Lets the next one in, as if this holder had. Does nothing where it was renewed since. */
export async function freeLease(
  storage: Storage,
  name: string,
  { version }: LeaseHolder,
  secrets: Secrets | undefined,
): Promise<void> {
  const key = layout.lease(name);
  const info = await storage.stat(key);
  if (info?.version !== version) return;
  const record = await readRecord(storage, info, secrets);
  await storage.replaceIf(key, version, encodeDocument(key, { ...record, released: true }, secrets));
}

/** Released, expired, or of a process of this host that is known to have ended. */
export function isFree({ released, expiresAt, process }: LeaseRecord, now: Date): boolean {
  return released || new Date(expiresAt) <= now || (process !== undefined && isProvenDead(process));
}

export function isAhead(time: Date, now: Date): boolean {
  return time.getTime() > now.getTime() + longestLeaseMs + maxSkewSeconds * 1000;
}

/**
 * Nobody knows who holds a damaged lease: it counts as held for as long as one may last without being renewed. Its
 * token is the second at which it was written, which no count of holders reaches: who held it finds itself fenced.
 */
export async function readRecord(
  storage: Storage,
  { key, modifiedAt }: ObjectInfo,
  secrets: Secrets | undefined,
): Promise<LeaseRecord> {
  try {
    return checked(key, decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as Partial<LeaseRecord>);
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
    return {
      holder: `nobody knows whom (${error.message})`,
      token: Math.floor(modifiedAt.getTime() / 1000),
      expiresAt: new Date(modifiedAt.getTime() + longestLeaseMs).toISOString(),
      // A time that somebody set ahead must not hold everything up until then.
      released: isAhead(new Date(modifiedAt.getTime() + longestLeaseMs), await storage.now()),
    };
  }
}

/** In an open repository anybody can write one. */
function checked(key: string, record: Partial<LeaseRecord>): LeaseRecord {
  const { holder, token, expiresAt, process } = record;
  const hasEnd = typeof expiresAt === 'string' && !Number.isNaN(Date.parse(expiresAt));
  if (typeof holder !== 'string' || !Number.isSafeInteger(token) || !hasEnd || process === null)
    throw new LifeboatError('ObjectCorrupt', `${key} is no lease`);
  return record as LeaseRecord;
}
