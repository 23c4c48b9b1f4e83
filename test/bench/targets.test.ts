import { describe, expect, it } from 'vitest';
import { judge, targets } from '../../bench/targets.ts';
import { verdictText } from '../../bench/table.ts';
import { groups } from '../../bench/groups.ts';

const ratio = targets.find(({ title }) => title === 'first full backup : pgBackRest full + restic')!;
const difference = targets.find(({ kind }) => kind === 'difference')!;
const memory = targets.find(({ kind }) => kind === 'bytes')!;

describe('verdicts of the benchmark', () => {
  it('compares the medians with the sum of both engines', () => {
    const verdict = judge(
      ratio,
      new Map([
        ['first/lifeboat', [5, 7, 6]],
        ['first/pgbackrest', [5, 5, 5]],
        ['first/restic', [5, 5, 5]],
      ]),
    );
    expect(verdict).toMatchObject({ ours: 6, theirs: 10, value: 0.6, isMet: true, isAimReached: true });
  });

  it('says MISSED just above the limit and no aim between aim and limit', () => {
    const at = (ours: number) =>
      judge(
        ratio,
        new Map([
          ['first/lifeboat', [ours]],
          ['first/pgbackrest', [5]],
          ['first/restic', [5]],
        ]),
      );
    expect(verdictText(at(8.01))).toBe('MISSED');
    expect(verdictText(at(8))).toBe('met');
    expect(verdictText(at(6))).toBe('met, aim reached');
  });

  it('counts an absent peer as not met', () => {
    const verdict = judge(
      ratio,
      new Map([
        ['first/lifeboat', [1]],
        ['first/restic', [5]],
      ]),
    );
    expect(verdict.isMet).toBe(false);
    expect(verdictText(verdict)).toBe('not measured: NOT MET');
  });

  it('takes the workflow less the direct operations', () => {
    const measured = (workflow: number) =>
      new Map([
        ['workflow/lifeboat', [workflow]],
        ['first/lifeboat', [4]],
      ] as const);
    expect(judge(difference, measured(5.5))).toMatchObject({ value: 1.5, isMet: true });
    expect(judge(difference, measured(6.5)).isMet).toBe(false);
  });

  it('judges memory by the largest run, not by the median', () => {
    expect(judge(memory, new Map([['memory/worker', [100, 700_000_000, 100]]])).isMet).toBe(false);
    expect(judge(memory, new Map([['memory/worker', [100, 440_000_000, 100]]])).isMet).toBe(true);
  });

  it('has a target for every group that has peers, the workflow and its memory', () => {
    const covered = new Set(targets.map(({ group }) => group));
    expect(groups.filter((group) => !covered.has(group))).toEqual(['go-live']);
  });
});
