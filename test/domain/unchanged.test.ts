import { expect, test } from 'vitest';
import { Unchanged } from '../../src/domain/unchanged.ts';

test('counts from the first look at a version, anew after each change, and nothing of a long standstill of our own', () => {
  const unchanged = new Unchanged();
  const looks = [
    ['a', 10_000, 0],
    ['a', 12_000, 2_000],
    ['b', 14_000, 0],
    ['a', 14_500, 0],
    ['a', 15_000, 500],
    ['a', 3_615_000, 5_500],
    ['a', 3_616_000, 6_500],
  ] as const;
  for (const [version, now, expected] of looks) expect(unchanged.look(version, now)).toBe(expected);
});
