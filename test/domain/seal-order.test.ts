/** F7: which recovery point is the newest, where clocks were wrong. */
import { expect, test } from 'vitest';
import { newestFirst, sealedAtLatest, type DatedPoint } from '../../src/domain/seal-order.ts';

/** Sealed one after the other: the date that the clock said, and how long the run took. */
function sealed(...dates: readonly (string | readonly [date: string, minutes: number])[]): DatedPoint[] {
  return dates.map((each, index) => {
    const [date, minutes] = typeof each === 'string' ? [each, 1] : each;
    const time = new Date(`${date}:00Z`);
    return {
      timestamp: time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_'),
      sealedAt: new Date(time.getTime() + minutes * 60_000).toISOString(),
      sequence: index + 1,
    };
  });
}

/** Numbers of the points, newest first. */
function order(points: readonly DatedPoint[]): (number | undefined)[] {
  return newestFirst(points, (point) => point).map(({ sequence }) => sequence);
}

test.each([
  ['right dates', ['2026-11-09T02:00', '2026-11-10T02:00', '2026-11-11T02:00'], [3, 2, 1]],
  ['ahead for one night', ['2026-11-09T02:00', '2027-11-10T02:00', '2026-11-11T02:00'], [3, 2, 1]],
  ['ahead, and the last: today may be wrong', ['2026-11-09T02:00', '2027-11-10T02:00'], [2, 1]],
  [
    'ahead three times, then right',
    ['2026-11-09T02:00', '2027-11-10T01:40', '2027-11-10T02:00', '2027-11-10T02:20', '2026-11-10T03:00'],
    [5, 4, 3, 2, 1],
  ],
  [
    'ahead and right in turns',
    ['2026-11-09T02:00', '2027-11-10T02:00', '2026-11-10T03:00', '2027-11-10T03:20', '2026-11-10T04:00'],
    [5, 4, 3, 2, 1],
  ],
  // A battery is empty: the machine begins in another year.
  ['behind for one night', ['2026-11-09T02:00', '2026-11-10T02:00', '2020-01-01T00:05'], [3, 2, 1]],
  ['behind, then right', ['2026-11-09T02:00', '2020-01-01T00:05', '2026-11-11T02:00'], [3, 2, 1]],
  ['within the skew that is allowed', ['2026-11-09T02:04', '2026-11-09T02:00'], [1, 2]],
] as const)('%s', (_case, dates, expected) => {
  expect(order(sealed(...dates))).toEqual(expected);
});

test('two that ran at the same time are ordered by their dates, whichever was sealed first', () => {
  expect(order(sealed('2026-11-09T02:20', ['2026-11-09T02:00', 60]))).toEqual([1, 2]);
});

test('points of before there were numbers lie before those that have one; what cannot be read stands where its name says', () => {
  const [ahead, right, last] = sealed('2027-11-10T02:00', '2026-11-11T02:00', '2026-11-12T02:00');
  const old = [ahead, right].map(({ timestamp = '', sealedAt = '' } = { timestamp: '' }) => ({ timestamp, sealedAt }));
  const unread = { timestamp: '20261111_120000' };
  const names = (points: readonly DatedPoint[]): string[] =>
    newestFirst(points, (point) => point).map(({ timestamp }) => timestamp);
  expect(names([...old, unread])).toEqual(['20271110_020000', '20261111_120000', '20261111_020000']);
  expect(names([...old, unread, last!])).toEqual([
    '20261112_020000',
    '20271110_020000',
    '20261111_120000',
    '20261111_020000',
  ]);
});

test('whatever a clock does, the last under a right one is the newest, and none looks older than the last right one before it', () => {
  const day = 86_400_000;
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 200; round += 1) {
    const truth = Array.from({ length: 3 + random(8) }, (_, index) => Date.UTC(2026, 10, 2 + index, 2));
    const clock = truth.map((time, index) => {
      const isRight = index === 0 || index === truth.length - 1 || random(3) > 0;
      return isRight ? time : time + (random(2) === 0 ? 1 : -1) * (1 + random(400)) * day;
    });
    const points = sealed(...clock.map((time) => new Date(time).toISOString().slice(0, 16)));
    expect(order(points)[0]).toBe(points.length);
    const times = sealedAtLatest(points, new Date(truth.at(-1)! + 3_600_000));
    for (const [index, { timestamp }] of points.entries()) {
      const right = truth.findLast((time, at) => at <= index && clock[at] === time);
      expect(Date.parse(times.get(timestamp) ?? '')).toBeGreaterThanOrEqual(right ?? 0);
    }
  }
});
