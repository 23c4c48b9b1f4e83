/** Collection where removals fail, and where a capture is under way for longer than it waits. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { initRepository } from '../../src/repository/init.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { replacing } from '../support/replacing.ts';
import { timed, type Clock } from '../support/timed-storage.ts';
import { addTree, backUp, describeTree, sealRecords, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const hour = 3600_000;
const collecting = { wal: [], holder: 'test' };

async function plant(folder: string): Promise<string> {
  const source = join(folder, 'source');
  await mkdir(source, { recursive: true });
  await writeFile(join(source, 'a'), randomBytes(200_000));
  await writeFile(join(source, 'b'), randomBytes(3000));
  return source;
}

test('whichever removal fails, what is backed up next is whole', async ({ folder }) => {
  let removals = 0;
  for (let failing = 1; ; failing += 1) {
    const tree = await plant(folder);
    const clock: Clock = { now: new Date() };
    const plain = timed(createLocalStorage(join(folder, `repository-${failing}`)), clock);
    let seen = 0;
    let failed = '';
    const storage = replacing(plain, {
      async remove(key) {
        seen += 1;
        if (seen === failing) {
          failed = key;
          throw new Error(`cannot remove ${key}`);
        }
        await plain.remove(key);
      },
    });
    const { repository } = await initRepository(storage, testKey);
    const fill = async (writer: Parameters<typeof addTree>[0]): Promise<void> => addTree(writer, tree);
    seen = 1_000_000;
    const first = await backUp(repository, fill);
    await backUp(repository, async (writer) => writer.bytes('other', randomBytes(100)));
    seen = 0;
    const errors: unknown[] = [];
    await repository.collect({ ...collecting, expire: [first.id] }).catch((error: unknown) => errors.push(error));
    clock.now = new Date(clock.now.getTime() + 50 * hour);
    await repository.collect({ ...collecting, expire: [] }).catch((error: unknown) => errors.push(error));
    // Killed or failed: the lease may still stand.
    clock.now = new Date(clock.now.getTime() + hour);
    const all = seen;
    seen = 1_000_000;
    const what = `removal ${failing} of ${failed}`;
    const again = await backUp(repository, fill, { previous: first.record, time: new Date(Date.now() + 90_000) });
    expect(await repository.check(again.manifest, {}), what).toMatchObject({ ok: true });
    for (let round = 0; round < 2; round += 1) {
      clock.now = new Date(clock.now.getTime() + 60 * hour);
      await repository.collect({ ...collecting, expire: [] });
      expect(await repository.check(again.manifest, {}), `${what}, collected`).toMatchObject({ ok: true });
    }
    const into = join(folder, `into-${failing}`);
    await repository.materialize({ indexId: again.record.indexId, into });
    expect(await describeTree(into), what).toEqual(await describeTree(tree));
    await repository.close();
    await rm(into, { recursive: true });
    removals = failing;
    if (failing > all) break;
  }
  expect(removals).toBeGreaterThan(4);
});

test('a capture that outlives its intent is not sealed over what collection took', async ({ folder }) => {
  const clock: Clock = { now: new Date() };
  const storage = timed(createLocalStorage(join(folder, 'repository')), clock);
  const { repository } = await initRepository(storage, testKey);
  const content = randomBytes(3000);
  const first = await backUp(repository, async (writer) => writer.bytes('file', content));
  await backUp(repository, async (writer) => writer.bytes('other', randomBytes(3000)), {
    time: new Date(Date.now() + 2000),
  });
  // Paused, as a machine that sleeps: before and after its packs are stored.
  for (const moment of ['before finish', 'after finish'] as const) {
    const id = await repository.reserve(new Date(clock.now.getTime() + 5000), `slow ${moment}`);
    const writer = await repository.writeComponent({
      backupId: id,
      componentId: 'files',
      blockSize: 65_536,
      previousIndexId: first.record.indexId,
    });
    await writer.bytes('file', content);
    await writer.bytes('new', randomBytes(200_000));
    const early = moment === 'after finish' ? await writer.finish() : undefined;
    for (const days of [8, 3, 3]) {
      clock.now = new Date(clock.now.getTime() + days * 24 * hour);
      const isThere = (await repository.listManifests()).some(({ timestamp }) => timestamp === first.id);
      await repository.collect({ ...collecting, expire: isThere ? [first.id] : [] });
    }
    const sealing = async (): Promise<unknown> => {
      const summary = early ?? (await writer.finish());
      return sealRecords(repository, id, [{ ...first.record, ...summary }]);
    };
    await expect(sealing(), moment).rejects.toMatchObject({ code: 'ObjectMissing' });
  }
  await repository.close();
});
