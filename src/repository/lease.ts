/**
 * A lease excludes others from collection or from a target, with or without Temporal: created if absent, taken over by
 * conditional replace after it expired, and fenced: each holder has a higher token than the one before. Time is the
 * storage's. Whoever acts destructively calls `assertHeld` just before.
 */
import { LifeboatError } from '../domain/errors.ts';
import { ownIdentity } from '../programs/process-identity.ts';
import type { Storage } from '../storage/storage.ts';
import { encodeDocument } from './document.ts';
import { layout } from './layout.ts';
import { aheadHint, isAhead, isFree, readRecord, type LeaseRecord } from './lease-record.ts';
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
  /** Extends it by its time to live. Fenced if somebody took it over, or may have: it expired. */
  renew(): Promise<void>;
  /** Fenced unless it is still ours and not expired. */
  assertHeld(): Promise<void>;
  /** Lets the next one in at once. Does nothing if it was lost. */
  release(): Promise<void>;
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

  /** By our own steady clock: when the last write of it began. */
  let renewedAt = performance.now();

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
    const now = await storage.now();
    if (!isFree(record, now)) throw held(record, now);
    renewedAt = performance.now();
    const next = { ...first, token: record.token + 1, expiresAt: await expiry() };
    if ((await storage.replaceIf(key, version, encode(next))) !== undefined) return next.token;
    const winner = await read();
    throw held(winner?.record ?? record, now);
  }

  function held({ holder, expiresAt }: LeaseRecord, now: Date): LifeboatError {
    const hint = isAhead(new Date(expiresAt), now) ? { hint: aheadHint } : {};
    return new LifeboatError('LockHeld', `lease ${options.name} is held by ${holder} until ${expiresAt}`, hint);
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
    const { expiresAt } = current.record;
    // The end alone does not tell: a clock may have been set back since it was written.
    const hasExpired = new Date(expiresAt) <= (await storage.now()) || performance.now() - renewedAt >= options.ttlMs;
    if (hasExpired)
      throw new LifeboatError('Fenced', `lease ${options.name} with token ${token} expired at ${expiresAt}`);
    return current;
  }

  return {
    token,
    async renew() {
      for (;;) {
        const { record, version } = await own();
        const begun = performance.now();
        if ((await storage.replaceIf(key, version, encode({ ...record, expiresAt: await expiry() }))) === undefined)
          continue;
        renewedAt = begun;
        return;
      }
    },
    async assertHeld() {
      await own();
    },
    async release() {
      const current = await read();
      if (current === undefined || current.record.token !== token) return;
      await storage.replaceIf(key, current.version, encode({ ...current.record, released: true }));
    },
  };
}
