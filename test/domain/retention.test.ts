import { expect, test } from 'vitest';
import { backupIdOf, type BackupType } from '../../src/domain/recovery-point.ts';
import { chooseRetention, type RetentionPoint } from '../../src/domain/retention.ts';

const day = 86_400;
const now = new Date('2026-11-28T06:00:00Z');
const limits = {
  pointSeconds: { full: 30 * day, incremental: 7 * day, critical: day, configuration: 90 * day, monitoring: 7 * day },
  walSeconds: 7 * day,
};

const copy = (id: string) => ({ id, suspect: false, isBase: id === 'postgres' });

function point(type: BackupType, daysAgo: number, change: Partial<RetentionPoint> = {}): RetentionPoint {
  const at = new Date(now.getTime() - daysAgo * day * 1000);
  return {
    id: backupIdOf(at),
    type,
    sealedAt: at.toISOString(),
    success: true,
    state: undefined,
    components: [copy('redis')],
    ...change,
  };
}

function choose(points: readonly RetentionPoint[], holds: readonly string[] = []) {
  const { keep, remove } = chooseRetention({ points, limits, holds, now });
  return { keep: new Map(keep.map(({ id, reasons }) => [id, reasons])), remove: remove.map(({ id }) => id) };
}

test('D2.1, D2.2, D2.3: each type has its time', () => {
  const young = [point('full', 0), point('full', 29), point('incremental', 6), point('configuration', 89)];
  const old = [point('full', 31), point('incremental', 8), point('configuration', 91), point('monitoring', 8)];
  const points = [...young, ...old].sort((a, b) => (a.id < b.id ? 1 : -1));
  expect(choose(points).remove.sort()).toEqual(old.map(({ id }) => id).sort());
});

test('the last verified, the newest good one and the newest copy of each component stay, however old', () => {
  const failed = point('full', 40, { state: 'failed' });
  const newestGood = point('full', 50);
  const verified = point('full', 60, { state: 'verified' });
  const models = point('full', 70, { success: false, components: [copy('models')] });
  const gone = point('full', 80);
  const { keep, remove } = choose([failed, newestGood, verified, models, gone]);
  expect(Object.fromEntries(keep)).toEqual({
    [newestGood.id]: ['newest', 'newest of redis'],
    [verified.id]: ['last verified', 'last verified full', 'last verified of redis'],
    [models.id]: ['newest of models'],
  });
  expect(remove).toEqual([failed.id, gone.id]);
});

test('X13: a base stays as long as a position on it does; a held point stays', () => {
  const base = point('full', 35);
  const increment = point('incremental', 3, {
    components: [{ ...copy('postgres'), isBase: false, base: base.id }],
  });
  const held = point('incremental', 100);
  const points = [point('full', 1), increment, base, held];
  expect(choose(points, [held.id])).toMatchObject({ remove: [] });
  expect(choose(points).keep.get(base.id)).toEqual([`base of ${increment.id}`]);
  expect(choose(points).remove).toEqual([held.id]);
});

test('a suspect copy is no reason to let an older one go', () => {
  const suspect = point('full', 1, { components: [{ ...copy('redis'), suspect: true }] });
  const good = point('full', 99);
  expect(choose([suspect, good]).keep.get(good.id)).toEqual(['newest', 'newest of redis']);
});

test('§1.3: the last verified full stays, though a younger point of another type is verified', () => {
  const configuration = point('configuration', 1, { state: 'verified', components: [copy('configuration')] });
  const unverified = point('full', 2);
  const full = point('full', 31, { state: 'verified' });
  const older = point('full', 32, { state: 'verified' });
  const { keep, remove } = choose([configuration, unverified, full, older]);
  expect(keep.get(full.id)).toEqual(['last verified full', 'last verified of redis']);
  expect(remove).toEqual([older.id]);
});

test('D2.7: a base stays for the window of the WAL behind it, whatever the type of its point, and the one before it', () => {
  const withBase = { components: [copy('postgres')] };
  const young = point('critical', 2, withBase);
  const before = point('critical', 9, withBase);
  const older = point('critical', 12, withBase);
  const { keep, remove } = choose([point('full', 0, withBase), young, before, older]);
  expect(keep.get(young.id)).toEqual(['base of postgres']);
  expect(keep.get(before.id)).toEqual(['base of postgres']);
  expect(remove).toEqual([older.id]);
});
