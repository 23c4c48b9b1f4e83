import { expect, test } from 'vitest';
import { segmentsBetween } from '../../src/domain/wal.ts';

const segmentBytes = 16 * 1024 * 1024;
const at = (segment: number, offset = 0): bigint => BigInt(segment * segmentBytes + offset);
const name = (timeline: number, segment: number): string =>
  [timeline, 0, segment].map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');

test('a recovery asks for each segment once, on the newest timeline that has it', () => {
  const base = { timeline: 1, stopLsn: at(2, 100) };
  const history = [
    { timeline: 1, switchLsn: at(4, 500) },
    { timeline: 2, switchLsn: at(4, 900) },
    { timeline: 3, switchLsn: at(6) },
  ];
  expect(segmentsBetween(base, { timeline: 4, endLsn: at(7, 1) }, history, segmentBytes)).toEqual([
    name(1, 2),
    name(1, 3),
    name(3, 4),
    name(3, 5),
    name(4, 6),
    name(4, 7),
  ]);
  expect(segmentsBetween(base, { timeline: 1, endLsn: at(2, 100) }, [], segmentBytes)).toEqual([name(1, 2)]);
});

test('a base that lies on none of the timelines leads nowhere', () => {
  const history = [{ timeline: 1, switchLsn: at(1) }];
  expect(
    segmentsBetween({ timeline: 1, stopLsn: at(2) }, { timeline: 2, endLsn: at(3) }, history, segmentBytes),
  ).toEqual([]);
});
