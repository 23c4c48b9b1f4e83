import { describe, expect, it } from 'vitest';
import { measurementTable, verdictTable } from '../../bench/table.ts';
import { judge, targets } from '../../bench/targets.ts';

const measurements = new Map<string, readonly number[]>([
  ['first/lifeboat', [4, 6, 5]],
  ['first/lifeboat redis', [1, 1, 1]],
  ['first/documents', [50, 50, 50]],
  ['memory/worker', [321_000_000]],
]);

describe('tables of the benchmark', () => {
  it('shows medians with their range, bytes as bytes, and no parts', () => {
    expect(measurementTable(measurements).split('\n')).toEqual([
      'measured          median    least     most  runs',
      'first/lifeboat    5.00 s   4.00 s   6.00 s     3',
      'first/documents  50.00 s  50.00 s  50.00 s     3',
      'memory/worker     321 MB   321 MB   321 MB     1',
    ]);
  });

  it('shows value, limit and verdict of every number, measured or not', () => {
    const text = verdictTable(targets.map((target) => judge(target, measurements)));
    const line = (title: string) => text.split('\n').find((each) => each.startsWith(title))!;
    expect(line('first full backup : documents')).toMatch(/5\.00 s +50\.00 s +0\.10 +0\.15 +met$/);
    expect(line('first full backup : pgBackRest')).toMatch(
      /5\.00 s +not measured +not measured +0\.80 +not measured: NOT MET$/,
    );
    expect(line('peak memory of a worker')).toMatch(/321 MB +321 MB +450 MB +met$/);
  });
});
