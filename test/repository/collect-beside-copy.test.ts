/** A copy that ends while its place is collected. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openRepository } from '../../src/repository/open.ts';
import { layout } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { replacing } from '../support/replacing.ts';
import { timed, type Clock } from '../support/timed-storage.ts';
import { repositoryTest as test } from './fixture.ts';
import { backUp, testKey } from './backup.ts';

const hour = 3600_000;
const collecting = { wal: [], holder: 'test' };

test('a copy that ends between the look for manifests and the look for intents loses nothing that it relied on', async ({
  folder,
  repository,
  open,
}) => {
  const clock: Clock = { now: new Date() };
  const content = randomBytes(3000);
  const first = await backUp(repository, async (writer) => writer.bytes('file', content));
  const plain = timed(createLocalStorage(join(folder, 'replica')), clock);
  await repository.replicateTo(plain, { owner: 'test' });
  await backUp(repository, async (writer) => writer.bytes('other', randomBytes(3000)), {
    time: new Date(Date.now() + 2000),
  });
  await repository.replicateTo(plain, { owner: 'test' });
  // Removed in the copy alone, for it keeps points for a shorter time; its pack stays marked.
  const there = await open(plain, testKey, { isCopy: true });
  await there.collect({ ...collecting, expire: [first.id] });
  clock.now = new Date(clock.now.getTime() + 50 * hour);
  // The pack of the first is named by a later point here, which the copy does not have yet.
  const third = await backUp(repository, async (writer) => writer.bytes('file', content), {
    previous: first.record,
    time: new Date(Date.now() + 4000),
  });
  const listed = Promise.withResolvers<undefined>();
  const go = Promise.withResolvers<undefined>();
  const replicationWorks = Promise.withResolvers<undefined>();
  const goOn = Promise.withResolvers<undefined>();
  const seenByCollector = replacing(plain, {
    async *list(prefix, onStray) {
      // As a far storage with many manifests: time passes between both looks.
      if (prefix === layout.intents) {
        listed.resolve(undefined);
        await go.promise;
      }
      yield* plain.list(prefix, onStray);
    },
  });
  const seenByReplication = replacing(plain, {
    async *list(prefix, onStray) {
      if (prefix === layout.packs) {
        replicationWorks.resolve(undefined);
        await goOn.promise;
      }
      yield* plain.list(prefix, onStray);
    },
  });
  const copying = repository.replicateTo(seenByReplication, { owner: 'test' });
  await replicationWorks.promise;
  const collector: Repository = await openRepository(seenByCollector, testKey, { isCopy: true });
  const collecting2 = collector.collect({ ...collecting, expire: [] });
  await listed.promise;
  goOn.resolve(undefined);
  const copied = await copying;
  go.resolve(undefined);
  await collecting2;
  await collector.close();
  expect(copied.points).toEqual([third.id]);
  expect(await there.check(third.manifest, {})).toMatchObject({ ok: true });
});
