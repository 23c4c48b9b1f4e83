/**
 * A lease excludes others from collection or from a target, with or without Temporal: created if absent, taken over by
 * conditional replace after it expired, and fenced: each holder has a higher token than the one before. Time is the
 * storage's. Whoever acts destructively calls `assertHeld` just before.
 */
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import { isProvenDead, ownIdentity, type ProcessIdentity } from '../programs/process-identity.ts';
import type { ObjectInfo, Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument } from './document.ts';
import { layout } from './layout.ts';
import type { Secrets } from './secrets.ts';

export interface LeaseOptions {
  readonly name: string;
  /** Who holds it, for people: run id and host. */
  readonly holder: string;
  readonly ttlMs: number;
}

export interface Lease {
  /** Rises with every holder. */
  readonly token: number;
  /** Extends it by its time to live. Fenced if somebody took it over. */
  renew(): Promise<void>;
  /** Fenced unless it is still ours and not expired. */
  assertHeld(): Promise<void>;
  /** Lets the next one in at once. Does nothing if it was lost. */
  release(): Promise<void>;
}

interface LeaseRecord {
  readonly holder: string;
  readonly token: number;
  readonly expiresAt: string;
  readonly released: boolean;
  /** That of the holder. Older versions do not say. */
  readonly process?: ProcessIdentity;
}

/** Who holds a lease; undefined where nobody does. */
export async function leaseHolder(
  storage: Storage,
  name: string,
  secrets: Secrets | undefined,
): Promise<string | undefined> {
  const info = await storage.stat(layout.lease(name));
  if (info === undefined) return undefined;
  const record = await readRecord(storage, info, secrets);
  return isFree(record, await storage.now()) ? undefined : record.holder;
}

/** Released, expired, or of a process of this host that was killed. Hosts may share a name: only within one boot is that certain. */
function isFree({ released, expiresAt, process }: LeaseRecord, now: Date): boolean {
  if (released || new Date(expiresAt) <= now) return true;
  if (process === undefined || process.bootId === '' || process.bootId !== ownIdentity().bootId) return false;
  return isProvenDead(process);
}

/** Longer than any lease is given between two renewals. */
const longestMs = 10 * 60_000;

/**
 * Of a damaged one nobody knows who holds it: somebody does for as long as a lease may last without being renewed. Its
 * token is the second at which it was written, which no count of holders reaches: who held it finds itself fenced.
 */
async function readRecord(
  storage: Storage,
  { key, modifiedAt }: ObjectInfo,
  secrets: Secrets | undefined,
): Promise<LeaseRecord> {
  try {
    return decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as LeaseRecord;
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
    return {
      holder: `nobody knows whom (${error.message})`,
      token: Math.floor(modifiedAt.getTime() / 1000),
      expiresAt: new Date(modifiedAt.getTime() + longestMs).toISOString(),
      // A time that somebody set ahead must not hold everything up until then.
      released: modifiedAt.getTime() > (await storage.now()).getTime() + longestMs,
    };
  }
}

/** LockHeld names the holder and the end of its time. */
export async function acquireLease(
  storage: Storage,
  options: LeaseOptions,
  secrets: Secrets | undefined,
): Promise<Lease> {
  const key = layout.lease(options.name);
  const encode = (record: LeaseRecord): Buffer => encodeDocument(key, record, secrets);
  const read = async (): Promise<{ record: LeaseRecord; version: string } | undefined> => {
    const info = await storage.stat(key);
    if (info === undefined) return undefined;
    return { record: await readRecord(storage, info, secrets), version: info.version };
  };
  const expiry = async (): Promise<string> => new Date((await storage.now()).getTime() + options.ttlMs).toISOString();

  async function take(): Promise<number> {
    const first: LeaseRecord = {
      holder: options.holder,
      token: 1,
      expiresAt: await expiry(),
      released: false,
      process: ownIdentity(),
    };
    if ((await storage.putIfAbsent(key, encode(first))) === 'created') return 1;
    const current = await read();
    if (current === undefined) throw new LifeboatError('StorageFailed', `lease ${options.name} vanished`);
    const { record, version } = current;
    if (!isFree(record, await storage.now())) throw held(record);
    const next = { ...first, token: record.token + 1, expiresAt: await expiry() };
    if ((await storage.replaceIf(key, version, encode(next))) !== undefined) return next.token;
    const winner = await read();
    throw held(winner?.record ?? record);
  }

  function held(record: LeaseRecord): LifeboatError {
    return new LifeboatError('LockHeld', `lease ${options.name} is held by ${record.holder} until ${record.expiresAt}`);
  }

  const token = await take();

  async function own(): Promise<{ record: LeaseRecord; version: string }> {
    const current = await read();
    if (current === undefined || current.record.token !== token || current.record.released) {
      throw new LifeboatError(
        'Fenced',
        `lease ${options.name} with token ${token} was taken over by ${current?.record.holder ?? 'nobody'}`,
      );
    }
    return current;
  }

  return {
    token,
    async renew() {
      for (;;) {
        const { record, version } = await own();
        if ((await storage.replaceIf(key, version, encode({ ...record, expiresAt: await expiry() }))) !== undefined)
          return;
      }
    },
    async assertHeld() {
      const { record } = await own();
      if (new Date(record.expiresAt) <= (await storage.now())) {
        throw new LifeboatError('Fenced', `lease ${options.name} with token ${token} expired at ${record.expiresAt}`);
      }
    },
    async release() {
      const current = await read();
      if (current === undefined || current.record.token !== token) return;
      await storage.replaceIf(key, current.version, encode({ ...current.record, released: true }));
    },
  };
}
