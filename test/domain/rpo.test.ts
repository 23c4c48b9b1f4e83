import { expect, test } from 'vitest';
import { keyOf, rpoLevel, rpoNews, type RpoReading } from '../../src/domain/rpo.ts';

function reading(component: string, ageSeconds: number | null, change: Partial<RpoReading> = {}): RpoReading {
  return {
    clock: 'recoverable',
    place: 'repository',
    offHost: false,
    component,
    tier: 'critical',
    ageSeconds,
    verifiedUntil: null,
    objectiveSeconds: 3600,
    level: rpoLevel(ageSeconds, 3600),
    reason: '',
    ...change,
  };
}

const levelsOf = (readings: readonly RpoReading[]) =>
  Object.fromEntries(readings.map((each) => [keyOf(each), each.level]));

test('D1.2: marks at 50, 80 and 100 % of the objective; no copy at all is a breach', () => {
  expect([0, 1799, 1800, 2879, 2880, 3599, 3600, null].map((age) => rpoLevel(age, 3600))).toEqual([
    'ok',
    'ok',
    'half',
    'half',
    'most',
    'most',
    'breached',
    'breached',
  ]);
});

test('each mark is told once, off the host first, with what and why', () => {
  const there = { place: 's3', offHost: true, reason: 'it does not answer' };
  const readings = [reading('redis', 1900), reading('postgres', 3), reading('postgres', 4000, there)];
  expect(rpoNews(readings, {})).toEqual([
    'RPO BREACHED in s3 (off the host): postgres 1 h 06 m old, at most 1 h 00 m (it does not answer)',
    'RPO at 50 % in repository: redis 31 m 40 s old, at most 1 h 00 m',
  ]);
  expect(rpoNews(readings, levelsOf(readings))).toEqual([]);
  const later = [reading('redis', 3000), reading('postgres', 3), reading('postgres', 4300, there)];
  expect(rpoNews(later, levelsOf(readings))).toEqual([
    'RPO at 80 % in repository: redis 50 m 00 s old, at most 1 h 00 m',
  ]);
});

test('what was missed and is met again is told; what only aged is not', () => {
  const before = [reading('redis', 4000), reading('postgres', 2000)];
  expect(rpoNews([reading('redis', 10), reading('postgres', 10)], levelsOf(before))).toEqual([
    'RPO met again in repository: redis',
  ]);
});

test('the age of the last verified copy is a clock of its own', () => {
  const readings = [
    reading('redis', 10),
    reading('redis', 4000, {
      clock: 'verified',
      place: 's3',
      offHost: true,
      reason: 'no copy was ever verified there',
    }),
  ];
  expect(rpoNews(readings, {})).toEqual([
    'VERIFICATION OVERDUE in s3 (off the host): redis 1 h 06 m old, at most 1 h 00 m (no copy was ever verified there)',
  ]);
  expect(rpoNews([reading('redis', 10, { clock: 'verified', place: 's3' })], levelsOf(readings))).toEqual([
    'Verified again in s3: redis',
  ]);
});
