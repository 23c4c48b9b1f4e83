import { describe, expect, it } from 'vitest';
import { axes, sizesOf } from '../../bench/growth/axes.ts';
import { growthOf, judge, limits } from '../../bench/growth/slope.ts';
import { axisTable, rowOf, shortNumber, type Measured } from '../../bench/growth/table.ts';

const at = (cost: (size: number) => number) => [30, 300, 3000].map((size) => ({ size, cost: cost(size) }));

describe('growth', () => {
  it.each([
    ['a constant', (): number => 2, 0],
    ['a linear cost', (size: number): number => size * 0.01, 1],
    ['a quadratic cost', (size: number): number => size ** 2, 2],
    ['a linear cost above a constant part', (size: number): number => 1 + size, 1],
  ])('tells the slope of %s', (_, cost, slope) => {
    expect(growthOf(at(cost))?.slope).toBeCloseTo(slope, 2);
  });

  it('separates the constant part from what each unit costs', () => {
    const growth = growthOf(at((size) => 0.5 + size * 0.002));
    expect(growth?.fixed).toBeCloseTo(0.5, 6);
    expect(growth?.each).toBeCloseTo(0.002, 6);
  });

  it('has no negative constant part, and no negative cost of a unit', () => {
    expect(growthOf(at((size) => size ** 2))?.fixed).toBe(0);
    expect(growthOf(at((size) => 10 - size / 1000))?.each).toBe(0);
  });

  it('says nothing of one size', () => {
    expect(growthOf([{ size: 30, cost: 1 }])).toBeUndefined();
  });
});

describe('verdict on growth', () => {
  const flat = growthOf(at(() => 1));
  const steep = growthOf(at((size) => size ** 1.5));

  it('is met by what is linear or better, in bounded memory', () => {
    const linear = growthOf(at((size) => size));
    expect(judge({ seconds: linear, cpuSeconds: linear, requests: linear, peakBytes: limits.peakBytes })).toEqual({
      isMet: true,
      reasons: [],
    });
  });

  it('takes seconds that other work lengthened for what they are', () => {
    expect(judge({ seconds: steep, cpuSeconds: flat, requests: flat, peakBytes: 0 }).isMet).toBe(true);
  });

  it('names what grows too fast', () => {
    expect(judge({ seconds: steep, cpuSeconds: steep, requests: flat, peakBytes: 0 }).reasons).toEqual(['time']);
    const some = { seconds: flat, cpuSeconds: flat, requests: steep, peakBytes: limits.peakBytes + 1 };
    expect(judge(some).reasons).toEqual(['requests', 'memory']);
    expect(judge({ seconds: undefined, cpuSeconds: undefined, requests: undefined, peakBytes: 0 }).isMet).toBe(false);
  });
});

describe('table of growth', () => {
  const measured = (size: number, seconds: number, requests: number): Measured => ({
    size,
    seconds,
    cpuSeconds: seconds,
    requests,
    peakBytes: 130e6,
  });

  it('shows seconds of each size, slopes, what a unit costs, and the verdict', () => {
    const [axis] = axes.filter(({ name }) => name === 'points');
    const row = rowOf('backups list', [measured(30, 0.06, 60), measured(300, 0.6, 600), measured(3000, 60, 6000)]);
    expect(axisTable(axis!, [row]).split('\n')).toEqual([
      'points: recovery points, four a day',
      'seconds         30   300     3k  slope    each  asked  slope   MB',
      'backups list  0.06  0.60  60.00   2.00  2.1 ms     6k   1.00  130  TIME',
    ]);
  });

  it.each([
    [31, '31'],
    [1352, '1352'],
    [12_872, '12.9k'],
    [1_000_000, '1M'],
    [16e9, '16G'],
  ])('shortens %d to %s', (value, text) => expect(shortNumber(value)).toBe(text));

  it('measures three sizes at least, the largest where it is asked for', () => {
    for (const axis of axes) {
      expect(sizesOf(axis, false).length).toBeGreaterThanOrEqual(3);
      expect(sizesOf(axis, true)).toEqual([...axis.sizes, ...(axis.largest === undefined ? [] : [axis.largest])]);
    }
  });
});
