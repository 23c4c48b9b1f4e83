/** A copy that takes several attempts, in a place that is collected between them. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { LifeboatError } from '../../src/domain/errors.ts';
import { layout } from '../../src/repository/layout.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { replacing } from '../support/replacing.ts';
import { timed, type Clock } from '../support/timed-storage.ts';
import { backUp, testKey } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const hour = 3600_000;
const mebibyte = 2 ** 20;

test('a copy whose line breaks each day arrives after some days, although its place is collected in between', async ({
  folder,
  repository,
  open,
}) => {
  const clock: Clock = { now: new Date() };
  const place = timed(createLocalStorage(join(folder, 'replica')), clock);
  await backUp(repository, async (writer) => writer.bytes('old', randomBytes(3000)));
  await repository.replicateTo(place, { owner: 'the first' });
  const { manifest } = await backUp(
    repository,
    async (writer) => {
      for (let file = 0; file < 12; file += 1) await writer.bytes(`file-${file}`, randomBytes(8 * mebibyte));
    },
    { time: new Date(Date.now() + 3000) },
  );
  const packs = manifest.backup_files.filter(({ path }) => path.startsWith(layout.packs)).length;
  expect(packs).toBeGreaterThan(4);
  const there = await open(place, testKey, { isCopy: true });
  let days = 0;
  for (let arrived = 0; arrived === 0 && days <= packs; days += 1) {
    clock.now = new Date(clock.now.getTime() + 12 * hour);
    const copied = await repository.replicateTo(onePackLong(place), { owner: `day ${days}` }).catch(() => undefined);
    arrived = copied?.points.length ?? 0;
    clock.now = new Date(clock.now.getTime() + 12 * hour);
    await there.collect({ expire: [], wal: [], holder: 'retention' });
  }
  expect(days).toBe(packs);
  expect(await there.check(manifest, {})).toMatchObject({ ok: true });
});

/** The line breaks when a second pack would go over it. */
function onePackLong(place: ReturnType<typeof timed>): ReturnType<typeof timed> {
  let sent = 0;
  return replacing(place, {
    async putIfAbsent(key, bytes) {
      if (key.startsWith(layout.packs)) sent += 1;
      if (sent > 1) throw new LifeboatError('StorageFailed', 'the line is broken');
      return place.putIfAbsent(key, bytes);
    },
  });
}
