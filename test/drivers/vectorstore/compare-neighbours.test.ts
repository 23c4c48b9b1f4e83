import { expect, test } from 'vitest';
import { sameNeighbours } from '../../../src/drivers/vectorstore/compare-neighbours.ts';

const expected = { labels: [4, 7, 9], distances: [0, 0.5, 0.8] };

test.each([
  ['the same', { labels: [4, 7, 9], distances: [0, 0.5, 0.8] }, true],
  ['the last digit of a distance', { labels: [4, 7, 9], distances: [0, 0.500_01, 0.8] }, true],
  ['added vectors in between', { labels: [4, 120, 7, 100, 9], distances: [0, 0.1, 0.5, 0.6, 0.8] }, true],
  ['the other half of a tie at the end', { labels: [4, 7, 11], distances: [0, 0.5, 0.8] }, true],
  ['another neighbour in the middle', { labels: [4, 8, 9], distances: [0, 0.5, 0.8] }, false],
  ['another distance', { labels: [4, 7, 9], distances: [0, 0.51, 0.8] }, false],
  ['a missing neighbour', { labels: [4, 7], distances: [0, 0.5] }, false],
  ['two that changed places', { labels: [7, 4, 9], distances: [0, 0.5, 0.8] }, false],
])('%s: %j', (_name, actual, same) => {
  expect(sameNeighbours(expected, actual, { knownTotal: 100, hasGrown: true })).toBe(same);
});

test.each([
  ['the same', { labels: [70_001, 5, -3], distances: [0, 0.5, 0.8] }, false, true],
  ['another id', { labels: [70_001, 6, -3], distances: [0, 0.5, 0.8] }, false, false],
  ['added ones in between', { labels: [8, 70_001, 9, 5, -3], distances: [0, 0, 0.1, 0.5, 0.8] }, true, true],
  ['an id that is gone', { labels: [8, 70_001, 9, -3], distances: [0, 0, 0.1, 0.8] }, true, false],
])('F2: ids that an application gave are compared as they are: %s', (_name, actual, hasGrown, same) => {
  const own = { labels: [70_001, 5, -3], distances: [0, 0.5, 0.8] };
  expect(sameNeighbours(own, actual, { knownTotal: 100, hasGrown })).toBe(same);
});

test('equal distances may change places', () => {
  const tied = { labels: [4, 7, 9], distances: [0.5, 0.5, 0.8] };
  expect(
    sameNeighbours(tied, { labels: [7, 4, 9], distances: [0.5, 0.5, 0.8] }, { knownTotal: 100, hasGrown: true }),
  ).toBe(true);
});
