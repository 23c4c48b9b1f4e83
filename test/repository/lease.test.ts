import { beforeEach, describe, expect, vi } from 'vitest';
import { ownIdentity } from '../../src/programs/process-identity.ts';
import { encodeDocument } from '../../src/repository/document.ts';
import { layout } from '../../src/repository/layout.ts';
import { awaitNoCollector, retakeCollectionLease } from '../../src/repository/collect/exclusion.ts';
import { leaseHolder } from '../../src/repository/lease-record.ts';
import { acquireLease } from '../../src/repository/lease.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { timed } from '../support/timed-storage.ts';
import { repositoryTest as test } from './fixture.ts';

/** Our own steady clock runs ahead by what was waited for, and what else a test adds. */
const steady = { ms: 0, waited: async (): Promise<void> => undefined };
const wait = async (ms: number): Promise<void> => {
  steady.ms += ms;
  await steady.waited();
};

const minute = 60_000;
const year = 365 * 86_400_000;

beforeEach(() => {
  const now = performance.now.bind(performance);
  Object.assign(steady, { ms: 0, waited: async () => undefined });
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + steady.ms);
  return () => spy.mockRestore();
});

describe('leases', () => {
  test('of many at once one gets the lease; the others are told who holds it', async ({ folder }) => {
    const attempts = Array.from({ length: 6 }, (_, holder) =>
      acquireLease(createLocalStorage(folder), { name: 'collect', holder: `h${holder}`, ttlMs: minute }, undefined),
    );
    const settled = await Promise.allSettled(attempts);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const winner = settled.findIndex(({ status }) => status === 'fulfilled');
    for (const result of settled) {
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({
          code: 'LockHeld',
          message: expect.stringContaining(`held by h${winner}`) as string,
        });
    }
  });

  test('a released lease passes on at once, with a higher token', async ({ folder }) => {
    const storage = createLocalStorage(folder);
    const first = await acquireLease(storage, { name: 'target/redis', holder: 'a', ttlMs: minute }, undefined);
    await first.renew();
    await first.assertHeld();
    await first.release();
    await expect(first.assertHeld()).rejects.toMatchObject({ code: 'Fenced' });
    const second = await acquireLease(storage, { name: 'target/redis', holder: 'b', ttlMs: minute }, undefined);
    expect([first.token, second.token]).toEqual([1, 2]);
    await first.release();
    await second.assertHeld();
  });

  test('an expired lease is taken over, and its old holder is fenced', async ({ folder }) => {
    const storage = createLocalStorage(folder);
    const stalled = await acquireLease(storage, { name: 'collect', holder: 'stalled', ttlMs: -1 }, undefined);
    await expect(stalled.assertHeld()).rejects.toMatchObject({ code: 'Fenced' });
    const next = await acquireLease(storage, { name: 'collect', holder: 'next', ttlMs: minute }, undefined);
    expect(next.token).toBe(2);
    await expect(stalled.renew()).rejects.toMatchObject({
      code: 'Fenced',
      message: expect.stringContaining('taken over by next') as string,
    });
    await next.assertHeld();
  });

  test('that of a process that was killed is free at once on its host, and nowhere else', async ({ folder }) => {
    const storage = createLocalStorage(folder);
    const own = ownIdentity();
    const gone = { ...own, startedAt: 'earlier' };
    const key = layout.lease('collect');
    for (const [process, isFree] of [
      [own, false],
      [gone, true],
      [{ ...gone, host: 'another' }, false],
      [undefined, false],
    ] as const) {
      const expiresAt = new Date(Date.now() + minute).toISOString();
      const record = { holder: 'killed', token: 7, expiresAt, released: false, ...(process && { process }) };
      await storage.remove(key);
      await storage.putIfAbsent(key, encodeDocument(key, record, undefined));
      expect((await leaseHolder(storage, 'collect', undefined))?.holder).toBe(isFree ? undefined : 'killed');
      const taken = acquireLease(storage, { name: 'collect', holder: 'next', ttlMs: minute }, undefined);
      if (isFree) expect((await taken).token).toBe(8);
      else await expect(taken).rejects.toMatchObject({ code: 'LockHeld' });
    }
  });

  test('a damaged lease holds for as long as one may, then it passes on, and who held it is fenced', async ({
    folder,
  }) => {
    const clock = { now: new Date() };
    const storage = timed(createLocalStorage(folder), clock);
    const take = async (holder: string) =>
      acquireLease(storage, { name: 'collection', holder, ttlMs: 60 * minute }, undefined);
    const first = await take('first');
    const key = layout.lease('collection');
    const { version = '' } = (await storage.stat(key)) ?? {};
    await storage.replaceIf(key, version, Buffer.from('{}'));
    await expect(first.assertHeld()).rejects.toMatchObject({ code: 'Fenced' });
    await expect(take('second')).rejects.toMatchObject({
      code: 'LockHeld',
      message: expect.stringContaining(`nobody knows whom (${key}`) as string,
    });
    expect((await leaseHolder(storage, 'collection', undefined))?.holder).toContain('nobody knows whom');
    clock.now = new Date(clock.now.getTime() + 11 * minute);
    expect(await leaseHolder(storage, 'collection', undefined)).toBeUndefined();
    const second = await take('second');
    await second.assertHeld();
    await expect(first.renew()).rejects.toMatchObject({ code: 'Fenced' });
    // A time that somebody set ahead holds nothing up.
    const standing = (await storage.stat(key))?.version ?? '';
    clock.now = new Date(clock.now.getTime() + 365 * 86_400_000);
    await storage.replaceIf(key, standing, Buffer.from('{}'));
    clock.now = new Date(clock.now.getTime() - 365 * 86_400_000);
    expect(await leaseHolder(storage, 'collection', undefined)).toBeUndefined();
  });

  test('one that ends in a year is waited for until nobody was seen to renew it for as long as a lease lasts', async ({
    folder,
  }) => {
    const clock = { now: new Date(Date.now() + year) };
    const storage = timed(createLocalStorage(folder), clock);
    const collection = { name: 'collection', ttlMs: 10 * minute };
    const first = await acquireLease(storage, { ...collection, holder: 'first' }, undefined);
    clock.now = new Date();
    // A person is told at once; who can wait does.
    await expect(acquireLease(storage, { ...collection, holder: 'person' }, undefined)).rejects.toMatchObject({
      code: 'LockHeld',
      hint: expect.stringContaining('a clock was or is wrong') as string,
    });
    await awaitNoCollector(storage, undefined, wait);
    expect(steady.ms).toBeGreaterThanOrEqual(10 * minute);
    expect(steady.ms).toBeLessThan(11 * minute);
    await expect(first.assertHeld()).rejects.toMatchObject({ code: 'Fenced' });
    await expect(first.renew()).rejects.toMatchObject({ code: 'Fenced' });
    // Freed for everybody: nobody waits again.
    expect((await acquireLease(storage, { ...collection, holder: 'next' }, undefined)).token).toBe(2);
    clock.now = new Date(clock.now.getTime() - year);
    expect((await retakeCollectionLease(storage, { holder: 'last', wait }, undefined)).token).toBe(3);
  });

  test('our clock is behind: a living holder is seen to renew, and is told with its end and what to do', async ({
    folder,
  }) => {
    const clock = { now: new Date() };
    const theirs = createLocalStorage(folder);
    const ours = timed(theirs, clock);
    const lease = await acquireLease(theirs, { name: 'collection', holder: 'living', ttlMs: 10 * minute }, undefined);
    clock.now = new Date(Date.now() - year);
    steady.waited = async () => {
      if (Math.round(steady.ms / 1000) % 60 === 0) await lease.renew();
    };
    await expect(awaitNoCollector(ours, undefined, wait)).rejects.toMatchObject({
      code: 'StorageFailed',
      message: expect.stringMatching(
        /collection by living is under way in .*leases\/collection\.json until \d{4}-/,
      ) as string,
      hint: expect.stringContaining('a clock was or is wrong') as string,
    });
    await lease.assertHeld();
    steady.waited = async () => undefined;
    await expect(retakeCollectionLease(ours, { holder: 'other', wait }, undefined)).resolves.toMatchObject({
      token: 2,
    });
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'Fenced' });
  });

  test('a clock that was set back or ahead makes no two holders: who did not renew in time is fenced by itself', async ({
    folder,
  }) => {
    const clock = { now: new Date() };
    const storage = timed(createLocalStorage(folder), clock);
    const lease = await acquireLease(storage, { name: 'collection', holder: 'one', ttlMs: minute }, undefined);
    clock.now = new Date(clock.now.getTime() - year);
    await lease.assertHeld();
    steady.ms += minute;
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'Fenced' });
    steady.ms -= minute;
    await lease.renew();
    clock.now = new Date(clock.now.getTime() + year);
    // Who looked meanwhile saw no holder.
    await expect(lease.renew()).rejects.toMatchObject({ code: 'Fenced' });
  });

  test('one without an end, or with one that is no time, is as good as damaged', async ({ folder }) => {
    const clock = { now: new Date() };
    const storage = timed(createLocalStorage(folder), clock);
    const key = layout.lease('collection');
    const record = { holder: 'somebody', token: 3, released: false };
    const planted: object[] = [record, { ...record, expiresAt: 'never' }, { ...record, expiresAt: 5 }, { token: 3 }];
    for (const each of planted) {
      await storage.remove(key);
      await storage.putIfAbsent(key, encodeDocument(key, each, undefined));
      expect((await leaseHolder(storage, 'collection', undefined))?.holder).toContain('nobody knows whom');
      clock.now = new Date(clock.now.getTime() + 11 * minute);
      expect(await leaseHolder(storage, 'collection', undefined)).toBeUndefined();
    }
  });
});
