/** A storage whose listing leaves names out that are there: retention removes nothing that a point needs. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { planRetention, applyRetention } from '../../../src/operations/retention/retention.ts';
import { initRepository } from '../../../src/repository/init.ts';
import { layout } from '../../../src/repository/layout.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { backUp, testKey, type Backup } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';
import { replacing } from '../../support/replacing.ts';
import { timed, type Clock } from '../../support/timed-storage.ts';
import { limits } from '../wal/wal-base.ts';

const dayMs = 86_400_000;
const pointCount = 5;

interface Case {
  readonly name: string;
  readonly isLeftOut: (key: string, ids: readonly string[]) => boolean;
  /** Reports of the runs that sealed the points are there; true by default. */
  readonly hasReports?: boolean;
  readonly isCopy?: boolean;
  /** The plan still saw all. */
  readonly onlyInCollection?: boolean;
}

const manifestAt = (...positions: readonly number[]): Case['isLeftOut'] => {
  return (key, ids) => positions.some((position) => key === layout.manifest(ids.at(position) ?? ''));
};
const manifests: Case['isLeftOut'] = (key) => key.startsWith(layout.manifests);

const cases: readonly Case[] = [
  { name: 'a manifest in the middle', isLeftOut: manifestAt(2) },
  { name: 'the newest', isLeftOut: manifestAt(-1) },
  { name: 'the newest, without reports', isLeftOut: manifestAt(-1), hasReports: false },
  { name: 'the oldest', isLeftOut: manifestAt(0) },
  { name: 'the newest of a copy', isLeftOut: manifestAt(-1), isCopy: true },
  { name: 'the newest two of a copy', isLeftOut: manifestAt(-1, -2), isCopy: true },
  { name: 'all', isLeftOut: manifests },
  { name: 'all, without reports', isLeftOut: manifests, hasReports: false },
  { name: 'all of a copy', isLeftOut: manifests, isCopy: true },
  { name: 'all, and all reports', isLeftOut: (key) => /^(?:manifests|reports)\//.test(key) },
  { name: 'the newest, when all was planned', isLeftOut: manifestAt(-1), onlyInCollection: true },
  { name: 'one in the middle, when all was planned', isLeftOut: manifestAt(2), onlyInCollection: true },
];

test.for(cases)(
  'left out: $name',
  async ({ isLeftOut, hasReports = true, isCopy = false, onlyInCollection }, { folder, open }) => {
    const clock: Clock = { now: new Date() };
    const ownPlace = timed(createLocalStorage(join(folder, 'own')), clock);
    const { repository } = await initRepository(ownPlace, testKey);
    const own = await sealed(repository, hasReports);
    const copy = timed(createLocalStorage(join(folder, 'copy')), clock);
    if (isCopy) await repository.replicateTo(copy, { owner: 'test' });
    await repository.close();
    const place = isCopy ? copy : ownPlace;
    const ids = own.map(({ id }) => id);
    let isHiding = false;
    const lying: Storage = replacing(place, {
      async *list(prefix, onStray) {
        for await (const object of place.list(prefix, onStray))
          if (!isHiding || !isLeftOut(object.key, ids)) yield object;
      },
    });
    for (let round = 0; round < 3; round += 1) {
      const seen = await open(lying, testKey, { isCopy });
      isHiding = onlyInCollection !== true;
      const options = {
        repository: seen,
        isCopy,
        limits,
        capacityBytes: 1e12,
        holds: [],
        now: clock.now,
        maxShare: 0.2,
      };
      await planRetention(options);
      const collecting: Repository = {
        ...seen,
        collect: async (what) => {
          isHiding = true;
          return seen.collect(what);
        },
      };
      await applyRetention({
        ...options,
        repository: collecting,
        holder: 'test',
        signal: new AbortController().signal,
      }).catch((error: unknown) => expect(error).toMatchObject({ code: 'Precondition' }));
      isHiding = false;
      await seen.close();
      clock.now = new Date(clock.now.getTime() + 3 * dayMs);
    }
    const after = await open(place, testKey, { isCopy });
    for (const { manifest } of own) expect(await after.check(manifest, {})).toMatchObject({ ok: true });
  },
);

async function sealed(repository: Repository, hasReports: boolean): Promise<Backup[]> {
  const points: Backup[] = [];
  for (let number = 0; number < pointCount; number += 1) {
    const time = new Date(Date.now() - 10_000 + number * 2000);
    const point = await backUp(repository, async (writer) => writer.bytes('file', randomBytes(3000)), { time });
    points.push(point);
    if (hasReports)
      await repository.putReport('fullBackup', `fullBackup/shop/${time.toISOString()}`, {
        state: 'sealed',
        backup: point.id,
      });
  }
  return points;
}
