import { describe, expect, it } from 'vitest';
import { median, medianOfSums, Recorder } from '../../bench/measure.ts';

describe('medians of the benchmark', () => {
  it('takes the middle value, of an even count the mean of both middle ones', () => {
    expect(median([9, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeUndefined();
  });

  it('sums within a run before it takes the median', () => {
    const measurements = new Map([
      ['first/a', [1, 2, 30]],
      ['first/b', [30, 2, 1]],
    ]);
    // The medians alone would add up to 4, which no run took.
    expect(medianOfSums(measurements, ['first/a', 'first/b'])).toBe(31);
  });

  it('gives no sum where a part of it was not measured in every run', () => {
    const record = new Recorder();
    record.add('first/a', 1);
    record.add('first/a', 2);
    record.add('first/b', 1);
    expect(medianOfSums(record.measurements, ['first/a', 'first/b'])).toBeUndefined();
    expect(medianOfSums(record.measurements, ['first/a', 'first/absent'])).toBeUndefined();
    expect(medianOfSums(record.measurements, ['first/a'])).toBe(1.5);
  });
});
