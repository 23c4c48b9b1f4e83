/** Which base and timeline a moment is reached from. Replayed by PostgreSQL in test/drivers/postgres. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { formatLsn } from '../../../src/domain/lsn.ts';
import type { Moment } from '../../../src/domain/restore/target.ts';
import { baseFor } from '../../../src/operations/restore/select-base.ts';
import { expiredWal } from '../../../src/operations/retention/expired-wal.ts';
import { checkChain } from '../../../src/operations/wal/chain.ts';
import { walBases, walStatus } from '../../../src/operations/wal/continuity.ts';
import { layout } from '../../../src/repository/layout.ts';
import type { Repository } from '../../../src/repository/repository.ts';
import { reserve, sealRecords } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';
import { archiveIn, base, segment, segmentBytes } from '../wal/wal-base.ts';

const at = (clock: string): string => new Date(`2026-11-20T${clock}:00Z`).toISOString();
const position = (segments: number): string => formatLsn(BigInt(segments * segmentBytes));

async function full(repository: Repository, clock: string, endSegment: number, timeline: number): Promise<string> {
  const time = new Date(at(clock));
  const record = await base(repository, time, endSegment, timeline);
  return (await sealRecords(repository, await reserve(repository, time), [record])).timestamp;
}

/**
 * A base at 02:00, WAL until 12:00; then restored to what stood at position 2.5, with a base of its own at 12:10; undone
 * at 13:00, and a base at 14:00 on the first timeline again, which goes on until 15:00.
 */
async function undone(repository: Repository): Promise<{ first: string; restored: string; again: string }> {
  const archive = archiveIn(repository);
  const wal = async (timeline: number, numbers: readonly number[], until: string): Promise<void> => {
    for (const number of numbers)
      await archive.put(segment(timeline, number), Buffer.alloc(segmentBytes, timeline), at(until));
  };
  const first = await full(repository, '02:00', 1, 1);
  await wal(1, [1, 2, 3], '12:00');
  await archive.putHistory(2, `1\t${position(2.5)}\tbefore\n`, at('12:05'));
  await wal(2, [2, 3, 4], '13:00');
  const restored = await full(repository, '12:10', 3, 2);
  await archive.putCoverage(2, { lsn: position(5), time: at('13:00') });
  await wal(1, [4, 5], '15:00');
  const again = await full(repository, '14:00', 5, 1);
  await archive.putCoverage(1, { lsn: position(6), time: at('15:00') });
  return { first, restored, again };
}

test('D2.7: after an undone restore each moment is reached on the timeline that was live then', async ({
  repository,
}) => {
  const { first, restored, again } = await undone(repository);
  const choose = async (goal: Moment) => {
    const { backupId, wal } = await baseFor(repository, 'pg', goal, 'latest');
    return [backupId, wal?.timeline];
  };
  const toTime = async (clock: string) => choose({ kind: 'time', value: at(clock) });
  expect(await toTime('11:00')).toEqual([first, 1]);
  expect(await toTime('12:30')).toEqual([restored, 2]);
  expect(await toTime('13:30')).toEqual([first, 1]);
  expect(await toTime('14:30')).toEqual([again, 1]);
  expect(await choose({ kind: 'latest' })).toEqual([again, 1]);
  // Both timelines have it: the one that goes on is meant.
  expect(await choose({ kind: 'lsn', value: position(4.5) })).toEqual([first, 1]);
  expect(await choose({ kind: 'name', value: 'before-upgrade' })).toEqual([again, 1]);
  // Unless the other one is asked for.
  expect(await choose({ kind: 'lsn', value: position(4.5), timeline: 2 })).toEqual([restored, 2]);
  expect(await choose({ kind: 'name', value: 'before-upgrade', timeline: 2 })).toEqual([restored, 2]);
  expect(await choose({ kind: 'latest', timeline: 2 })).toEqual([restored, 2]);
  await expect(choose({ kind: 'latest', timeline: 7 })).rejects.toMatchObject({ code: 'Precondition' });
  // Nothing else may be younger than the database: the time is that of its own timeline.
  const moments = await Promise.all(
    [1, 2].map(async (timeline) => {
      const goal: Moment = { kind: 'lsn', value: position(4.5), timeline };
      return (await baseFor(repository, 'pg', goal, 'latest')).moment;
    }),
  );
  expect(moments).toEqual([at('15:00'), at('13:00')]);
  await expect(choose({ kind: 'time', value: at('14:30'), timeline: 2 })).rejects.toMatchObject({
    code: 'Precondition',
  });
});

test('a damaged history says of no moment which timeline was live; what names its timeline or its point needs none', async ({
  repository,
  folder,
}) => {
  const { first, restored, again } = await undone(repository);
  const history = layout.wal('pg', '7', 2, '00000002.history');
  await writeFile(join(folder, 'repository', history), 'x');
  const choose = async (goal: Moment) => {
    const { backupId, wal } = await baseFor(repository, 'pg', goal, 'latest');
    return [backupId, wal?.timeline];
  };
  for (const goal of [{ kind: 'latest' }, { kind: 'time', value: at('12:30') }] as const)
    await expect(choose(goal)).rejects.toMatchObject({
      code: 'ObjectCorrupt',
      message: expect.stringContaining(history) as string,
    });
  expect(await choose({ kind: 'time', value: at('11:00'), timeline: 1 })).toEqual([first, 1]);
  expect(await choose({ kind: 'latest', timeline: 1 })).toEqual([again, 1]);
  expect(await choose({ kind: 'latest', timeline: 2 })).toEqual([restored, 2]);
  expect(await walStatus(repository, 'pg'), 'the live one needs no history').toMatchObject({
    state: 'continuous',
    base: again,
    timeline: 1,
  });
  await archiveIn(repository).putCoverage(2, { lsn: position(5), time: at('16:00') });
  expect(await walStatus(repository, 'pg')).toMatchObject({ state: 'continuous', base: restored, timeline: 2 });
  const { keys } = await expiredWal(repository, {
    kept: (await repository.listManifests()).flatMap(({ manifest }) => manifest ?? []),
    usable: new Set([first, restored, again]),
    walSeconds: 0,
    now: new Date('2030-01-01T00:00:00Z'),
  });
  expect(keys, 'nobody knows what leads to what').toEqual([]);
});

test('D2.7: what was never archived is refused with both ends', async ({ repository }) => {
  await undone(repository);
  await expect(baseFor(repository, 'pg', { kind: 'time', value: at('15:30') }, 'latest')).rejects.toMatchObject({
    code: 'Precondition',
    message: expect.stringMatching(
      /^pg cannot be restored to .*15:30.*; what can be: from .*02:00.* to .*15:00/,
    ) as string,
  });
  await expect(baseFor(repository, 'pg', { kind: 'time', value: at('01:00') }, 'latest')).rejects.toMatchObject({
    code: 'Precondition',
  });
  await expect(baseFor(repository, 'pg', { kind: 'lsn', value: position(9) }, 'latest')).rejects.toMatchObject({
    code: 'Precondition',
  });
});

test('F4: a tablespace that was made since the last base: the archive is no way to the latest, and says so', async ({
  repository,
}) => {
  const archive = archiveIn(repository);
  const first = await full(repository, '02:00', 1, 1);
  for (const number of [1, 2]) await archive.put(segment(1, number), Buffer.alloc(segmentBytes, 1), at('12:00'));
  const cover = async (tablespaces: string): Promise<void> =>
    archive.putCoverage(1, { lsn: position(3), time: at('12:00'), tablespaces });
  await cover('');
  expect((await baseFor(repository, 'pg', { kind: 'latest' }, 'latest')).backupId).toBe(first);
  expect(await walStatus(repository, 'pg')).toMatchObject({ state: 'continuous', base: first });
  await cover('16385');
  await expect(baseFor(repository, 'pg', { kind: 'latest' }, 'latest')).rejects.toMatchObject({
    code: 'Precondition',
    message: expect.stringContaining(`made or dropped since the recovery point ${first}`) as string,
  });
  expect(await walStatus(repository, 'pg')).toMatchObject({
    state: 'broken',
    base: null,
    reason: `a tablespace was made or dropped since ${first}`,
  });
  // A moment before it is one still.
  expect((await baseFor(repository, 'pg', { kind: 'time', value: at('11:00') }, 'latest')).backupId).toBe(first);
});

test('F7: what somebody put under names of the archive lengthens nothing, stops nothing and calls for no new base', async ({
  repository,
  folder,
}) => {
  const archive = archiveIn(repository);
  const first = await full(repository, '02:00', 1, 1);
  for (const number of [1, 2]) await archive.put(segment(1, number), Buffer.alloc(segmentBytes, 1), at('12:00'));
  await archive.putCoverage(1, { lsn: position(3), time: at('12:00') });
  const plant = async (name: string, timeline = 1): Promise<void> => {
    const file = join(folder, 'repository', layout.wal('pg', '7', timeline, name));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'x');
  };
  await plant('000000010000000000000003');
  await plant('000000010000000000000007');
  for (const name of ['00000009.history', '000000090000000000000003']) await plant(name, 9);
  const reached = { backupId: first, wal: { timeline: 1, endLsn: position(3) } };
  expect(await baseFor(repository, 'pg', { kind: 'latest' }, 'latest')).toMatchObject(reached);
  const time = { kind: 'time', value: at('11:00') } as const;
  expect(await baseFor(repository, 'pg', time, 'latest')).toMatchObject(reached);
  await expect(baseFor(repository, 'pg', { kind: 'lsn', value: position(3.5) }, 'latest')).rejects.toMatchObject({
    code: 'Precondition',
  });
  // A part that is damaged has the position too: the time is that of the one that is sound.
  await plant(`000000010000000000000002.${'200000'.padStart(16, '0')}-${'280000'.padStart(16, '0')}`);
  expect(await baseFor(repository, 'pg', { kind: 'lsn', value: position(2.25) }, 'latest')).toMatchObject({
    moment: at('12:00'),
  });
  expect(await walStatus(repository, 'pg')).toMatchObject({ state: 'continuous', base: first, endLsn: position(3) });

  // A restore reads what is sound of a segment, and so does a verification.
  const check = async (end: number) => {
    const { record } = (await walBases(repository, 'pg'))[0]!;
    const chain = { base: first, timeline: 1, endLsn: position(end), walBytes: 1, forecastSeconds: 1 };
    const { signal } = new AbortController();
    return (await checkChain(repository, { ...record, chain }, { read: true, signal })).problems;
  };
  expect(await check(3)).toEqual([]);
  expect((await check(3.5)).join()).toContain('000000010000000000000003 frame');

  // What was covered and left the archive is a hole at its end.
  await repository.storage.remove(archive.keyOf(segment(1, 2)));
  expect(await walStatus(repository, 'pg')).toMatchObject({ state: 'broken', base: null });
  await expect(
    baseFor(repository, 'pg', { kind: 'time', value: at('12:00') }, 'latest').then(({ wal }) => wal),
  ).resolves.toMatchObject({ endLsn: position(2) });
});
