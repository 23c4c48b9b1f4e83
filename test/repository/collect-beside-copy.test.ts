/** A copy that ends while its place is collected. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openRepository } from '../../src/repository/open.ts';
import { layout } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
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
  // As in a far storage with many manifests: time passes between both looks of the collector.
  const collectorSees = pausedAt(plain, layout.intents);
  const replicationSees = pausedAt(plain, layout.packs);
  const copying = repository.replicateTo(replicationSees.storage, { owner: 'test' });
  await replicationSees.reached;
  const collector: Repository = await openRepository(collectorSees.storage, testKey, { isCopy: true });
  const collecting2 = collector.collect({ ...collecting, expire: [] });
  await collectorSees.reached;
  replicationSees.goOn();
  const copied = await copying;
  collectorSees.goOn();
  await collecting2;
  await collector.close();
  expect(copied.points).toEqual([third.id]);
  expect(await there.check(third.manifest, {})).toMatchObject({ ok: true });
});

interface Paused {
  readonly storage: Storage;
  /** Somebody lists the prefix, and waits. */
  readonly reached: Promise<undefined>;
  readonly goOn: () => void;
}

/** The storage as one sees it who is held at the listing of a prefix. */
function pausedAt(storage: Storage, prefix: string): Paused {
  const reached = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  const paused = replacing(storage, {
    async *list(listed, onStray) {
      if (listed === prefix) {
        reached.resolve(undefined);
        await released.promise;
      }
      yield* storage.list(listed, onStray);
    },
  });
  return { storage: paused, reached: reached.promise, goOn: () => released.resolve(undefined) };
}
