import { describe, expect } from 'vitest';
import { ownIdentity } from '../../src/programs/process-identity.ts';
import { encodeDocument } from '../../src/repository/document.ts';
import { layout } from '../../src/repository/layout.ts';
import { acquireLease, leaseHolder } from '../../src/repository/lease.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { timed } from '../support/timed-storage.ts';
import { repositoryTest as test } from './fixture.ts';

const minute = 60_000;

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
      [{ ...gone, bootId: 'of a host with the same name' }, false],
      [{ ...gone, bootId: '' }, false],
      [{ ...gone, host: 'another' }, false],
      [{ ...gone, pidNamespace: 'pid:[1]' }, false],
      [undefined, false],
    ] as const) {
      const expiresAt = new Date(Date.now() + minute).toISOString();
      const record = { holder: 'killed', token: 7, expiresAt, released: false, ...(process && { process }) };
      await storage.remove(key);
      await storage.putIfAbsent(key, encodeDocument(key, record, undefined));
      expect(await leaseHolder(storage, 'collect', undefined)).toBe(isFree ? undefined : 'killed');
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
    expect(await leaseHolder(storage, 'collection', undefined)).toContain('nobody knows whom');
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
});
