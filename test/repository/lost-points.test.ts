/** A recovery point that was sealed and is gone is told, by whoever knows of it, until it is back or a person gives it up. */
import { randomBytes } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { BackupId } from '../../src/domain/recovery-point.ts';
import { goneFrom, lostOf } from '../../src/operations/recovery-points/lost.ts';
import { storeExposure } from '../../src/operations/rpo/location-coverage.ts';
import { layout } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { backUp, reserve } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const day = 86_400_000;
const first = Date.parse('2026-11-20T02:00:00Z');

/** With the evidence that its run would have written. */
async function point(repository: Repository, number: number): Promise<BackupId> {
  const time = new Date(first + number * day);
  const { id } = await backUp(repository, async (writer) => writer.bytes('file', randomBytes(100)), { time });
  await repository.putReport('fullBackup', `fullBackup/shop/${time.toISOString()}`, { state: 'sealed', backup: id });
  return id;
}

async function lose(repository: Repository, id: BackupId): Promise<void> {
  await repository.storage.remove(layout.manifest(id));
}

/** As somebody would who hides what he did. */
async function removeAll(repository: Repository, prefix: string): Promise<void> {
  for await (const { key } of repository.storage.list(prefix)) await repository.storage.remove(key);
}

/** Gives the files of all objects below a prefix the time. */
async function age({ storage }: Repository, prefix: string, time: Date): Promise<void> {
  for await (const { key } of storage.list(prefix)) await utimes(storage.fileOf?.(key) ?? '', time, time);
}

async function told(repository: Repository, reports: 'recent' | 'all' = 'recent'): Promise<string[]> {
  return (await lostOf(repository, { reports })).map(({ timestamp }) => timestamp);
}

describe('a sealed point that is gone', () => {
  test('is told by the report of its run, also where all are gone, and from then on by the next manifest', async ({
    repository,
  }) => {
    const [one, two, three] = [await point(repository, 1), await point(repository, 2), await point(repository, 3)];
    expect(await told(repository)).toEqual([]);
    await lose(repository, three);
    expect(await lostOf(repository, { reports: 'recent' })).toMatchObject([
      { timestamp: three, problem: expect.stringMatching(/is gone: reports\/fullBackup\/.* says that it was sealed/) },
    ]);
    await lose(repository, two);
    await lose(repository, one);
    expect(await told(repository)).toEqual([three, two, one]);
    const { manifest } = await backUp(repository, async (writer) => writer.bytes('file', Buffer.from('x')));
    expect(manifest.lifeboat.missing).toEqual([three, two, one]);
    await removeAll(repository, 'reports/');
    expect(await told(repository)).toEqual([three, two, one]);
    // What one manifest says need not stand in all that follow.
    const next = await backUp(repository, async (writer) => writer.bytes('file', Buffer.from('y')));
    expect(next.manifest.lifeboat.missing).toBeUndefined();
  });

  test('is told by its proofs where the report went too, and by nothing that does not authenticate', async ({
    repository,
  }) => {
    const [, two] = [await point(repository, 1), await point(repository, 2)];
    await repository.putProof(two, { kind: 'verify', levels: ['L1'], ok: true });
    await lose(repository, two);
    await removeAll(repository, 'reports/');
    expect(await told(repository)).toEqual([two]);
    await repository.storage.putIfAbsent(layout.proof('20990101_000000', 1), Buffer.from('{}'));
    await repository.storage.putIfAbsent(layout.report('fullBackup', 'x'), Buffer.from('{}'));
    expect(await told(repository, 'all')).toEqual([two]);
  });

  test('in the middle is told by its successor; a report that is older than the newest point is found by who reads all', async ({
    repository,
  }) => {
    const [, two, three] = [await point(repository, 1), await point(repository, 2), await point(repository, 3)];
    await lose(repository, two);
    expect(await told(repository)).toEqual([two]);
    await lose(repository, three);
    // As by a version that did not look: what is sealed now names neither.
    await removeAll(repository, 'reports/');
    await point(repository, 10);
    const time = new Date(first + 3 * day);
    await repository.putReport('fullBackup', `fullBackup/shop/${time.toISOString()}`, {
      state: 'sealed',
      backup: three,
    });
    await age(repository, 'reports/fullBackup/', time);
    expect(await told(repository)).toEqual([]);
    expect(await told(repository, 'all')).toEqual([three]);
  });

  test('is told as long as a copy or Temporal names it; what is older than the repository itself is not', async ({
    repository,
    folder,
    open,
  }) => {
    const [, two] = [await point(repository, 1), await point(repository, 2)];
    const place = createLocalStorage(join(folder, 'copy'));
    await repository.replicateTo(place, { owner: 'test' });
    const copy = await open(place);
    expect(await goneFrom(repository, copy, 'vault')).toEqual([]);
    await lose(repository, two);
    await removeAll(repository, 'reports/');
    expect(await told(repository), 'nobody here knows').toEqual([]);
    expect(await goneFrom(repository, copy, 'vault')).toEqual([two]);
    const exposure = { location: 'vault', at: null, newest: two, components: [], problem: '', gone: [two] };
    await storeExposure(repository, exposure);
    expect(await lostOf(repository, { reports: 'recent' })).toMatchObject([
      { timestamp: two, problem: expect.stringContaining('the copy in vault holds it') as string },
    ]);
    const sealed = new Map([
      ['20261125_020000', 'Temporal says so'],
      ['20200101_000000', 'a repository before this one'],
    ]);
    expect((await lostOf(repository, { reports: 'recent', sealed })).map(({ timestamp }) => timestamp)).toEqual([
      '20261125_020000',
      two,
    ]);
    // It comes back from the copy, and nothing is told any more.
    await repository.unexpire(two, 'somebody', [place]);
    expect(await told(repository)).toEqual([]);
    expect(await repository.check(await repository.findManifest(two), {})).toMatchObject({ ok: true });
  });

  test('that a run gave up, or that retention took, is none', async ({ repository }) => {
    const [one, two] = [await point(repository, 1), await point(repository, 2)];
    const never = await reserve(repository, new Date(first + 5 * day));
    await repository.closeIntent(never);
    await repository.putReport('fullBackup', 'fullBackup/shop/x', { state: 'failed', backup: never });
    await repository.putProof(one, { kind: 'verify', levels: ['L1'], ok: false, state: 'failed' });
    await repository.collect({ expire: [one], wal: [], holder: 'retention' });
    expect(await told(repository, 'all')).toEqual([]);
    await repository.collect({ expire: [two], wal: [], holder: 'retention' });
    expect(await told(repository, 'all')).toEqual([]);
  });

  test('is no more told when a person gave it up, and its loss holds up no retention then', async ({ repository }) => {
    const [one, two] = [await point(repository, 1), await point(repository, 2)];
    await expect(repository.giveUp(one, 'me', 'no')).rejects.toMatchObject({ code: 'Precondition' });
    await lose(repository, one);
    await lose(repository, two);
    await repository.giveUp(two, 'me', 'the disk is gone');
    expect(await told(repository)).toEqual([one]);
    await repository.giveUp(one, 'me', 'the disk is gone');
    expect(await told(repository)).toEqual([]);
  });
});

describe('a tombstone', () => {
  test('that anybody could have put hides no gap, whatever it holds', async ({ repository }) => {
    const [one, two] = [await point(repository, 1), await point(repository, 2)];
    const { storage } = repository;
    const stone = layout.tombstone(layout.manifest(one));
    const bytes = await storage.read(layout.manifest(one));
    for (const content of [Buffer.from('x'), Buffer.from('{}'), await storage.read(layout.manifest(two)), bytes]) {
      await storage.putIfAbsent(stone, content);
      await storage.remove(layout.manifest(one));
      expect(await told(repository)).toEqual([one]);
      await storage.putIfAbsent(layout.manifest(one), bytes);
      await storage.remove(stone);
    }
    expect(await told(repository)).toEqual([]);
  });

  test('of an earlier version is explained by the evidence of its run, also by one that does not show all it took', async ({
    repository,
  }) => {
    const ids = [await point(repository, 1), await point(repository, 2)];
    await point(repository, 3);
    const { storage } = repository;
    for (const id of ids) {
      await storage.putIfAbsent(layout.tombstone(layout.manifest(id)), await storage.read(layout.manifest(id)));
      await lose(repository, id);
    }
    expect(await told(repository)).toEqual(ids.toReversed());
    const others = Array.from({ length: 99 }, (_, number) => `20270101_0000${String(number).padStart(2, '0')}`);
    const points = [...others, ids[1] ?? ''];
    await repository.putReport('retention', 'r', { removed: [{ place: 'repository', points, bytes: 0 }] });
    expect(await told(repository)).toEqual([]);
  });

  test('that stands already does not cost a removed point its manifest', async ({ repository }) => {
    const [one] = [await point(repository, 1), await point(repository, 2)];
    await repository.storage.putIfAbsent(layout.tombstone(layout.manifest(one)), Buffer.from('x'));
    await repository.collect({ expire: [one], wal: [], holder: 'retention' });
    await repository.unexpire(one, 'me');
    expect((await repository.findManifest(one)).timestamp).toBe(one);
  });

  test('in a copy keeps no point from being copied there, unless retention put it', async ({
    repository,
    folder,
    open,
  }) => {
    const [one, two] = [await point(repository, 1), await point(repository, 2)];
    const place = createLocalStorage(join(folder, 'copy'));
    await place.putIfAbsent(layout.tombstone(layout.manifest(one)), Buffer.from('x'));
    expect((await repository.replicateTo(place, { owner: 'test' })).points).toEqual([one, two]);
    const copy = await open(place);
    await copy.collect({ expire: [one], wal: [], holder: 'retention' });
    expect((await repository.replicateTo(place, { owner: 'test' })).points).toEqual([]);
    expect((await copy.listManifests()).map(({ timestamp }) => timestamp)).toEqual([two]);
  });
});
