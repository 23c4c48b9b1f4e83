import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatBytes, formatDuration, parseDuration, parseSize } from '../../src/domain/duration.ts';
import { backupIdOf, timeOfBackupId } from '../../src/domain/recovery-point.ts';

test.each([
  ['90s', 90],
  ['15m', 900],
  ['4h', 14_400],
  ['1.5h', 5400],
  ['30d', 2_592_000],
])('%s is %d seconds', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

test.each(['', '1', '1 hour', '-5s', '5 S', 'h'])('`%s` is no duration', (text) =>
  expect(parseDuration(text)).toBeUndefined(),
);

test.each([
  ['64MiB', 67_108_864],
  ['500GB', 5e11],
  ['10 B', 10],
])('%s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

test('durations and sizes are short enough for a table', () => {
  expect([5, 42, 185, 3720, 273_600].map(formatDuration)).toEqual([
    '5.0 s',
    '42 s',
    '3 m 05 s',
    '1 h 02 m',
    '3 d 04 h',
  ]);
  expect([0, 999, 1000, 1_536_000, 9.996e11].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.00 kB',
    '1.54 MB',
    '1.00 TB',
  ]);
});

test('D7: a backup id is the UTC second, there and back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e9 }), (seconds) => {
      const time = new Date(seconds * 1000);
      expect(timeOfBackupId(backupIdOf(time))).toEqual(time);
    }),
  );
});

test.each(['20260230_000000', '2026', '20261122-020000', '20261122_256000'])('`%s` names no time', (id) =>
  expect(timeOfBackupId(id)).toBeUndefined(),
);
