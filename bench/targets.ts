/** The numbers that must be met, as data, and the verdict on each. Pure. */
import { median, medianOfSums, type Measurements } from './measure.ts';
import type { Group } from './options.ts';

export type Target = {
  readonly group: Group;
  readonly title: string;
  /** Measured name of ours. */
  readonly ours: string;
} & (
  | { readonly kind: 'ratio'; readonly peers: readonly string[]; readonly limit: number; readonly aim?: number }
  /** Our seconds less those of the other name. */
  | { readonly kind: 'difference'; readonly from: string; readonly limitSeconds: number }
  /** The largest value of all runs. */
  | { readonly kind: 'bytes'; readonly limitBytes: number }
);

const engines = (what: string): string[] => [`${what}/pgbackrest`, `${what}/restic`];

export const targets: readonly Target[] = [
  {
    group: 'first-backup',
    title: 'first full backup : documents',
    kind: 'ratio',
    ours: 'first/lifeboat',
    peers: ['first/documents'],
    limit: 0.15,
  },
  {
    group: 'first-backup',
    title: 'first full backup : pgBackRest full + restic',
    kind: 'ratio',
    ours: 'first/lifeboat',
    peers: engines('first'),
    limit: 0.8,
    aim: 0.6,
  },
  {
    group: 'second-backup',
    title: 'second, 2 % in one range : pgBackRest incr + restic',
    kind: 'ratio',
    ours: 'second-range/lifeboat',
    peers: engines('second-range'),
    limit: 0.6,
  },
  {
    group: 'second-backup',
    title: 'second, 2 % scattered : pgBackRest incr + restic',
    kind: 'ratio',
    ours: 'second-scattered/lifeboat',
    peers: engines('second-scattered'),
    limit: 0.85,
  },
  {
    group: 'restore',
    title: 'restore, warm : pgBackRest + restic',
    kind: 'ratio',
    ours: 'restore-warm/lifeboat',
    peers: engines('restore-warm'),
    limit: 0.9,
  },
  {
    group: 'restore',
    title: 'restore, cold : pgBackRest + restic',
    kind: 'ratio',
    ours: 'restore-cold/lifeboat',
    peers: engines('restore-cold'),
    limit: 0.9,
  },
  {
    group: 'restore',
    title: 'restore, warm : documents',
    kind: 'ratio',
    ours: 'restore-warm/lifeboat',
    peers: ['restore-warm/documents'],
    limit: 0.2,
  },
  {
    group: 'workflow',
    title: 'the workflow costs, over the direct operations',
    kind: 'difference',
    ours: 'workflow/lifeboat',
    from: 'first/lifeboat',
    limitSeconds: 2,
  },
  {
    group: 'workflow',
    title: 'peak memory of a worker',
    kind: 'bytes',
    ours: 'memory/worker',
    limitBytes: 600_000_000,
  },
];

export interface Verdict {
  readonly title: string;
  /** Median of ours, or the largest for bytes. Undefined: not measured. */
  readonly ours: number | undefined;
  /** Median of what it is compared with; undefined where there is none or it was not measured. */
  readonly theirs: number | undefined;
  /** Ratio, difference in seconds, or bytes: what the limit speaks of. */
  readonly value: number | undefined;
  readonly limit: number;
  readonly kind: Target['kind'];
  /** A number that was not measured is not met. */
  readonly isMet: boolean;
  readonly isAimReached: boolean | undefined;
}

export function judge(target: Target, measurements: Measurements): Verdict {
  const { title, kind } = target;
  const values = measurements.get(target.ours) ?? [];
  const known = { title, kind, isAimReached: undefined };
  if (target.kind === 'bytes') {
    const value = values.length === 0 ? undefined : Math.max(...values);
    return {
      ...known,
      ours: value,
      theirs: undefined,
      value,
      limit: target.limitBytes,
      isMet: isWithin(value, target.limitBytes),
    };
  }
  const ours = median(values);
  if (target.kind === 'difference') {
    const theirs = median(measurements.get(target.from) ?? []);
    const value = ours === undefined || theirs === undefined ? undefined : ours - theirs;
    return { ...known, ours, theirs, value, limit: target.limitSeconds, isMet: isWithin(value, target.limitSeconds) };
  }
  const theirs = medianOfSums(measurements, target.peers);
  const value = ours === undefined || theirs === undefined ? undefined : ours / theirs;
  const isAimReached = target.aim === undefined ? undefined : isWithin(value, target.aim);
  return { ...known, ours, theirs, value, limit: target.limit, isMet: isWithin(value, target.limit), isAimReached };
}

function isWithin(value: number | undefined, limit: number): boolean {
  return value !== undefined && value <= limit;
}
