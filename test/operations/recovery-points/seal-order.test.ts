/** F7: a clock that was ahead for one night. */
import { expect } from 'vitest';
import { parseConfiguration } from '../../../src/config/load.ts';
import type { Appliance } from '../../../src/domain/appliance.ts';
import { LifeboatError } from '../../../src/domain/errors.ts';
import { clockOf } from '../../../src/storage/clock.ts';
import type { BackupId } from '../../../src/domain/recovery-point.ts';
import { selectArtefacts } from '../../../src/operations/restore/select-artefacts.ts';
import { pointFindings } from '../../../src/operations/doctor/recovery-points.ts';
import { readCoverage } from '../../../src/operations/rpo/coverage.ts';
import { planRetention } from '../../../src/operations/retention/retention.ts';
import { requireClock } from '../../../src/operations/recovery-points/require-clock.ts';
import { walBases, walStatus } from '../../../src/operations/wal/continuity.ts';
import { layout } from '../../../src/repository/layout.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { backUp, reserve, sealRecords } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';
import { archiveIn, base, segment, segmentBytes, timedRepository } from '../wal/wal-base.ts';

const { appliance } = parseConfiguration(
  'appliance: a\nrepository: {path: /b, encryption: none}\ncomponents: {files: {kind: files, paths: [/x]}}\n',
  'f',
);

/** Seals a point when the storage's clock says `at`; its name is of that moment too, or of another one. */
const sealerOf =
  (repository: Repository, clock: { now: Date }) =>
  async (at: string, named = at): Promise<BackupId> => {
    clock.now = new Date(at);
    const { id } = await backUp(repository, async (writer) => writer.bytes('state', Buffer.from(at)), {
      time: new Date(named),
    });
    return id;
  };

test('the newest is what was sealed last; a point dated ahead is passed over by name, and can be taken by name', async ({
  folder,
  open,
}) => {
  const { clock, repository } = await timedRepository(folder, new Date('2026-11-28T02:00:00Z'), open);
  const seal = sealerOf(repository, clock);
  const chosen = async (of: Repository = repository): Promise<string[]> =>
    Promise.all(['latest', 'newest'].map(async (at) => (await of.findManifest(at)).timestamp));
  const before = await seal('2026-11-28T02:00:00Z');
  // A full one and the next frequent one of the same night.
  const first = await seal('2027-11-29T01:00:00Z');
  const ahead = await seal('2027-11-29T02:00:00Z');
  clock.now = new Date('2026-11-29T12:00:00Z');
  // Nothing was sealed after it: whichever clock is wrong, it is the newest state.
  expect(await chosen()).toEqual([ahead, ahead]);
  const age = async () => {
    const { components, newest } = await readCoverage(repository, appliance, clock.now);
    return [components[0]?.backupId, newest];
  };
  expect(await age(), 'a date that has not come is no age').toEqual([before, before]);
  const after = await seal('2026-11-30T02:00:00Z');
  const last = await seal('2026-12-01T02:00:00Z');
  expect(await chosen()).toEqual([last, last]);
  expect(await age()).toEqual([last, last]);
  expect((await repository.findManifest(ahead)).timestamp).toBe(ahead);
  expect(await pointFindings(repository, new Map())).toMatchObject([
    { level: 'warn', text: `${ahead}, ${first}: dated ahead of the storage's clock, which says 2026-12-01T02:00:00Z` },
  ]);
  // Also when its date has come, until the next one is sealed, and where the clock of today is behind.
  for (const now of ['2027-11-29T12:00:00Z', '2020-01-01T00:00:00Z']) {
    clock.now = new Date(now);
    expect(await chosen()).toEqual([last, last]);
  }
  clock.now = new Date('2027-11-29T12:00:00Z');
  expect(await age()).toEqual([last, last]);
  // Retention takes one of them, or it is damaged: that says nothing for the other.
  await repository.storage.remove(layout.manifest(first));
  expect(await chosen()).toEqual([last, last]);
  expect(after < last).toBe(true);
  // A battery is empty, and the machine begins in another year: what is sealed then is the newest all the same.
  const behind = await seal('2020-01-01T00:00:00Z');
  expect(await chosen()).toEqual([behind, behind]);
  expect(await chosen(await open(repository.storage))).toEqual([behind, behind]);
});

test('F7: a restore to the latest moment, bases and increments stand on what was sealed last, not on what is dated ahead', async ({
  folder,
  open,
}) => {
  const { clock, repository } = await timedRepository(folder, new Date('2026-11-09T02:00:00Z'), open);
  const archive = archiveIn(repository);
  const point = async (at: string, end: number): Promise<BackupId> => {
    clock.now = new Date(at);
    const pg = await base(repository, clock.now, end);
    const backupId = await reserve(repository, new Date(clock.now.getTime() + 1000));
    const writer = await repository.writeComponent({ backupId, componentId: 'redis', blockSize: 65_536 });
    await writer.bytes('dump.rdb', Buffer.from(at));
    const redis = { ...pg, ...(await writer.finish()), id: 'redis', kind: 'redis' as const, facts: {} };
    return (await sealRecords(repository, backupId, [pg, redis])).timestamp;
  };
  await point('2026-11-09T02:00:00Z', 1);
  for (let number = 1; number <= 8; number += 1)
    await archive.put(segment(1, number), Buffer.alloc(segmentBytes, 1), '2026-11-15T12:00:00Z');
  await point('2026-11-20T02:00:00Z', 2);
  const last = await point('2026-11-15T02:00:00Z', 5);
  await archive.putCoverage(1, { lsn: '0/900000', time: '2026-11-15T12:00:00.000Z' });
  const of = [
    { id: 'pg', kind: 'postgres' },
    { id: 'redis', kind: 'redis' },
  ] as unknown as Appliance['components'];
  for (const now of ['2026-11-15T12:00:00Z', '2026-11-20T12:00:00Z']) {
    clock.now = new Date(now);
    for (const goal of [{ kind: 'latest' }, { kind: 'lsn', value: '0/850000' }] as const) {
      const { artefacts } = await selectArtefacts({
        repository,
        appliance: { ...appliance, components: of },
        goal,
        at: 'latest',
        components: [],
      });
      expect(artefacts.map(({ record, backupId }) => [record.id, backupId])).toEqual([
        ['pg', last],
        ['redis', last],
      ]);
    }
    expect((await walStatus(repository, 'pg')).base).toBe(last);
    expect((await walBases(repository, 'pg'))[0]?.backupId).toBe(last);
  }
});

test('retention goes on once something was sealed after a point that is dated ahead, which ages from then', async ({
  folder,
  open,
}) => {
  const { clock, repository } = await timedRepository(folder, new Date('2026-11-01T02:00:00Z'), open);
  // Of a night in which the clocks of host and storage were ahead, or the storage's alone.
  const seal = sealerOf(repository, clock);
  const plan = async (at: string) => {
    clock.now = new Date(at);
    const days = 86_400;
    return planRetention({
      repository,
      limits: { pointSeconds: appliance.repository.retention.pointSeconds, walSeconds: 7 * days },
      holds: [],
      capacityBytes: 1e9,
      now: clock.now,
      maxShare: 1,
    });
  };
  const first = await seal('2026-11-01T02:00:00Z');
  const ahead = await seal('2099-11-02T02:00:00Z');
  // A frequent one of the same night.
  const nextAhead = await seal('2099-11-02T02:05:00Z');
  expect((await plan('2026-11-03T00:00:00Z')).refusals).toMatchObject(
    [nextAhead, ahead].map(
      (id) =>
        expect.stringContaining(`recovery point ${id} is from the future, and nothing was sealed after it`) as string,
    ),
  );
  const after = await seal('2026-11-03T02:00:00Z');
  const storageAhead = await seal('2099-11-04T02:00:00Z', '2026-11-04T02:00:00Z');
  expect((await plan('2026-11-04T03:00:00Z')).refusals).toMatchObject([expect.stringContaining(storageAhead)]);
  const last = await seal('2026-11-05T02:00:00Z');
  const { refusals, keep, remove } = await plan('2026-11-06T02:00:00Z');
  expect([refusals, keep.map(({ id }) => id), remove]).toEqual([
    [],
    [last, storageAhead, after, nextAhead, ahead, first],
    [],
  ]);
  // Neither is the newest, whatever its name says.
  const later = await plan('2027-06-01T02:00:00Z');
  expect([later.refusals, later.keep]).toEqual([
    [],
    [{ id: last, reasons: expect.arrayContaining(['newest']) as string[] }],
  ]);
  expect(later.remove.map(({ id }) => id)).toEqual([storageAhead, after, nextAhead, ahead, first]);
});

test('a storage that only lets itself be read is asked for no time', async () => {
  const refused = async (): Promise<never> => {
    throw new LifeboatError('PermissionDenied', 'cannot create .staging: EROFS');
  };
  expect((await clockOf({ now: refused })).getTime()).toBeGreaterThan(Date.now() - 60_000);
});

test('a run that is dated ahead of the storage begins no recovery point; clocks that are a little apart hinder none', () => {
  const storage = new Date('2026-11-30T02:00:00Z');
  requireClock(new Date('2026-11-30T02:50:00Z'), storage);
  requireClock(new Date('2020-01-01T00:00:00Z'), storage);
  expect(() => requireClock(new Date('2027-11-30T02:00:00Z'), storage)).toThrow(
    "this run is dated 2027-11-30T02:00:00Z, 365 d 00 h ahead of the storage's clock",
  );
});
