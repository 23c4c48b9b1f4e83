import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { initRepository } from '../../src/repository/init.ts';
import { layout } from '../../src/repository/layout.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { withFaults } from '../support/faults.ts';
import { timed, type Clock } from '../support/timed-storage.ts';
import { backUp, testKey, type Backup, type BackupOptions } from './backup.ts';
import { repositoryTest } from './fixture.ts';
import type { Repository } from '../../src/repository/repository.ts';

const hour = 3600_000;

/* oxlint-disable no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none. */
const test = repositoryTest
  .extend<{ clock: Clock }>({ clock: async ({}, use) => use({ now: new Date() }) })
  .extend<{ storage: Storage }>({
    storage: async ({ folder, clock }, use) => use(timed(createLocalStorage(join(folder, 'repository')), clock)),
  });
/* oxlint-enable no-empty-pattern */

async function make(repository: Repository, content = randomBytes(3000), options: BackupOptions = {}): Promise<Backup> {
  return backUp(repository, async (writer) => writer.bytes('file', content), options);
}

const collecting = { wal: [], holder: 'test' };

async function packsIn(storage: Storage): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list('packs/')) keys.push(key);
  return keys;
}

test('objects of a removed point leave after 48 h and a second look, whole ones only', async ({
  repository,
  storage,
  clock,
}) => {
  const first = await make(repository);
  const second = await make(repository);
  expect(await packsIn(storage)).toHaveLength(2);
  const marked = await repository.collect({ ...collecting, expire: [first.id] });
  expect(marked).toMatchObject({ expired: [first.id], marked: 2, removed: 0, waitsFor: [] });
  expect((await repository.listManifests()).map(({ timestamp, problem }) => [timestamp, problem])).toEqual([
    [second.id, undefined],
  ]);
  clock.now = new Date(clock.now.getTime() + 47 * hour);
  expect(await repository.collect({ ...collecting, expire: [] })).toMatchObject({ removed: 0 });
  clock.now = new Date(clock.now.getTime() + 2 * hour);
  expect(await repository.collect({ ...collecting, expire: [] })).toMatchObject({ removed: 2 });
  expect(await packsIn(storage)).toHaveLength(1);
  expect(await repository.check(second.manifest, {})).toMatchObject({ ok: true });
});

test('blocks that a later point shares stay', async ({ repository, storage, clock }) => {
  const content = randomBytes(3000);
  const first = await make(repository, content);
  const second = await make(repository, content, { previous: first.record });
  await repository.collect({ ...collecting, expire: [first.id] });
  clock.now = new Date(clock.now.getTime() + 50 * hour);
  await repository.collect({ ...collecting, expire: [] });
  expect(await packsIn(storage)).toHaveLength(1);
  expect(await repository.check(second.manifest, {})).toMatchObject({ ok: true });
});

test('while a backup runs nothing is marked and nothing removed; an intent that nobody closes expires', async ({
  repository,
  storage,
  clock,
}) => {
  const first = await make(repository);
  await make(repository);
  const running = await repository.reserve(new Date(), 'a backup on another host');
  const waiting = await repository.collect({ ...collecting, expire: [first.id] });
  expect(waiting).toMatchObject({ marked: 0, removed: 0, waitsFor: [running] });
  clock.now = new Date(clock.now.getTime() + 8 * 24 * hour);
  expect(await repository.collect({ ...collecting, expire: [] })).toMatchObject({ marked: 2, waitsFor: [] });
  const late = await repository.reserve(new Date(), 'another one');
  clock.now = new Date(clock.now.getTime() + 49 * hour);
  expect(await repository.collect({ ...collecting, expire: [] })).toMatchObject({ removed: 0, waitsFor: [late] });
  await repository.closeIntent(late);
  expect(await repository.collect({ ...collecting, expire: [] })).toMatchObject({ removed: 2 });
  expect(await packsIn(storage)).toHaveLength(1);
});

test('a writer builds on nothing that is marked, and what is named again loses its mark', async ({
  repository,
  storage,
  clock,
}) => {
  const content = randomBytes(3000);
  const first = await make(repository, content);
  await make(repository);
  await repository.collect({ ...collecting, expire: [first.id] });
  const again = await make(repository, content, { previous: first.record });
  expect(await packsIn(storage)).toHaveLength(3);
  await repository.unexpire(first.id, 'test');
  clock.now = new Date(clock.now.getTime() + 50 * hour);
  expect(await repository.collect({ ...collecting, expire: [] })).toMatchObject({ removed: 0 });
  for (const { manifest } of [first, again]) expect(await repository.check(manifest, {})).toMatchObject({ ok: true });
});

test('a removed point comes back while its objects are there, and not as half a point afterwards', async ({
  repository,
  clock,
}) => {
  const first = await make(repository);
  await make(repository);
  await repository.collect({ ...collecting, expire: [first.id] });
  await repository.unexpire(first.id, 'test');
  expect(await repository.check(await repository.findManifest(first.id), {})).toMatchObject({ ok: true });
  await repository.collect({ ...collecting, expire: [first.id] });
  clock.now = new Date(clock.now.getTime() + 50 * hour);
  await repository.collect({ ...collecting, expire: [] });
  await expect(repository.unexpire(first.id, 'test')).rejects.toMatchObject({ code: 'ObjectMissing' });
  expect(await repository.listManifests()).toHaveLength(1);
});

test('intents and holds that cannot be read hold what they may, and nothing for ever', async ({
  repository,
  folder,
  clock,
}) => {
  const first = await make(repository);
  await make(repository);
  const running = await repository.reserve(new Date(clock.now.getTime() + hour), 'a run');
  await repository.hold({ backupId: first.id, by: 'somebody', reason: 'why not' });
  for (const key of [layout.intent(running), layout.hold(first.id)])
    await writeFile(join(folder, 'repository', key), '{}');
  expect(await repository.listHolds()).toMatchObject([{ backupId: first.id, by: 'unknown' }]);
  expect(await repository.collect({ ...collecting, expire: [first.id] })).toMatchObject({ waitsFor: [running] });
  // Its id is taken, and no other run is kept from its own.
  expect(await repository.reserve(new Date(clock.now.getTime() + hour), 'a run')).not.toBe(running);
  await repository.closeIntent(running);
  clock.now = new Date(clock.now.getTime() + 8 * 24 * hour);
  expect(await repository.collect({ ...collecting, expire: [] })).toMatchObject({ waitsFor: [], marked: 2 });
});

test('what somebody else put beside the packs is never removed', async ({ repository, folder, clock }) => {
  await make(repository);
  const names = ['packs/ab/notes', 'packs/README', 'indexes/list.txt', 'tombstones/x', 'intents/old.json'];
  for (const name of names) {
    await mkdir(dirname(join(folder, 'repository', name)), { recursive: true });
    await writeFile(join(folder, 'repository', name), 'mine');
  }
  for (let round = 0; round < 3; round += 1) {
    expect(await repository.collect({ ...collecting, expire: [] })).toMatchObject({ marked: 0, removed: 0 });
    clock.now = new Date(clock.now.getTime() + 100 * hour);
  }
  for (const name of names) expect(await readFile(join(folder, 'repository', name), 'utf8')).toBe('mine');
});

test('a manifest that cannot be read stops everything', async ({ repository, storage, clock }) => {
  const first = await make(repository);
  const second = await make(repository);
  await repository.collect({ ...collecting, expire: [first.id] });
  const key = `manifests/${second.id.slice(0, 4)}/${second.id.slice(4, 6)}/${second.id.slice(6, 8)}/backup_manifest_${second.id}.json`;
  const { version } = (await storage.stat(key))!;
  await storage.replaceIf(key, version, Buffer.from('{}'));
  clock.now = new Date(clock.now.getTime() + 50 * hour);
  await expect(repository.collect({ ...collecting, expire: [] })).rejects.toMatchObject({ code: 'ManifestInvalid' });
  expect(await packsIn(storage)).toHaveLength(2);
});

test('two collectors exclude each other, and a writer waits for the one that removes', async ({
  repository,
  storage,
  open,
}) => {
  const first = await make(repository);
  await make(repository);
  const reached = Promise.withResolvers<undefined>();
  const gate = Promise.withResolvers<undefined>();
  const slow = new Proxy(storage, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'list' || typeof value !== 'function') return value;
      return async function* (prefix: string) {
        if (prefix === 'intents/') {
          reached.resolve(undefined);
          await gate.promise;
        }
        yield* target.list(prefix);
      };
    },
  });
  const collection = (await open(slow)).collect({ ...collecting, expire: [first.id] });
  await reached.promise;
  await expect(repository.collect({ ...collecting, holder: 'another', expire: [] })).rejects.toMatchObject({
    code: 'LockHeld',
  });
  // Of one run two attempts: the first may have been given up and still be about to remove something.
  let hasCollected = false;
  const again = repository.collect({ ...collecting, expire: [] }).then(() => (hasCollected = true));
  let hasReserved = false;
  const reserving = repository.reserve(new Date(), 'late').then(() => (hasReserved = true));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([hasReserved, hasCollected]).toEqual([false, false]);
  gate.resolve(undefined);
  // Its intent was stored before it waited: the collector saw it.
  expect(await collection).toMatchObject({ marked: 0, waitsFor: [expect.any(String) as string] });
  await Promise.all([reserving, again]);
});

test('killed at any call, the next run finishes it and every kept point is whole', async ({ folder, clock, open }) => {
  const content = randomBytes(3000);
  for (let failAt = 1; ; failAt += 1) {
    const place = timed(createLocalStorage(join(folder, `run-${failAt}`)), clock);
    await (await initRepository(place, testKey)).repository.close();
    const repository = await open(place);
    const first = await make(repository);
    const second = await make(repository, content);
    await repository.collect({ ...collecting, expire: [first.id] });
    clock.now = new Date(clock.now.getTime() + 50 * hour);
    const third = await make(repository, content, { previous: second.record });
    const plan: { failAt?: number; when: 'before' | 'after' } = { when: failAt % 2 === 0 ? 'after' : 'before' };
    const faulty = withFaults(place, plan);
    const breaking = await open(faulty);
    plan.failAt = faulty.calls.length + failAt;
    const failed = await breaking.collect({ ...collecting, expire: [second.id] }).then(
      () => false,
      () => true,
    );
    // The lease of the killed one runs out.
    clock.now = new Date(clock.now.getTime() + hour);
    await repository.collect({ ...collecting, expire: [second.id] });
    expect(await packsIn(place)).toHaveLength(1);
    const listed = await repository.listManifests();
    expect(listed.map(({ timestamp, problem }) => [timestamp, problem])).toEqual([[third.id, undefined]]);
    expect(await repository.check(third.manifest, {})).toMatchObject({ ok: true });
    if (!failed) break;
  }
});
