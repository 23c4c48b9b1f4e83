/** The numbers that must be met, as data, and the verdict on each. Pure. */
import { median, medianOfSums, type Measurements } from './measure.ts';
import type { Group } from './groups.ts';

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
  /** As `ratio`, of bytes. */
  | { readonly kind: 'share'; readonly of: string; readonly limit: number }
  /** The median itself. */
  | { readonly kind: 'seconds'; readonly limitSeconds: number }
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
    group: 'first-backup',
    title: 'first full backup : tar | zstd -1 -T0 | sha256sum',
    kind: 'ratio',
    ours: 'first/lifeboat',
    peers: ['first/tar'],
    limit: 1,
  },
  {
    group: 'second-backup',
    title: 'second, 2 % in one range : pgBackRest incr + restic',
    kind: 'ratio',
    ours: 'second-range/lifeboat',
    peers: engines('second-range'),
    limit: 0.4,
  },
  {
    group: 'second-backup',
    title: 'second, 2 % scattered : pgBackRest incr + restic',
    kind: 'ratio',
    ours: 'second-scattered/lifeboat',
    peers: engines('second-scattered'),
    limit: 0.65,
  },
  {
    group: 'restore',
    title: 'restore, warm : pgBackRest + restic',
    kind: 'ratio',
    ours: 'restore-warm/lifeboat',
    peers: engines('restore-warm'),
    limit: 0.6,
  },
  {
    group: 'restore',
    title: 'restore, cold : pgBackRest + restic',
    kind: 'ratio',
    ours: 'restore-cold/lifeboat',
    peers: engines('restore-cold'),
    limit: 0.6,
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
    group: 'incremental',
    title: 'incremental, 1 % in one range : a full backup',
    kind: 'ratio',
    ours: 'incremental-range/lifeboat',
    peers: ['incremental-full/lifeboat'],
    limit: 0.15,
  },
  {
    group: 'incremental',
    title: 'incremental, 1 % in one range : bytes of a full backup',
    kind: 'share',
    ours: 'bytes/incremental-range',
    of: 'bytes/incremental-full',
    limit: 0.05,
  },
  {
    group: 'incremental',
    title: 'incremental, 1 % scattered : bytes of the changed pages',
    kind: 'share',
    ours: 'bytes/incremental-scattered',
    of: 'bytes/incremental-scattered-pages',
    limit: 1.2,
  },
  {
    group: 'verify',
    title: 'verification : restic check --read-data',
    kind: 'ratio',
    ours: 'verify/lifeboat',
    peers: ['verify/restic'],
    limit: 0.5,
  },
  {
    group: 'replication',
    title: 'replication to S3 : rclone copy',
    kind: 'ratio',
    ours: 'replication/lifeboat',
    peers: ['replication/rclone'],
    limit: 1.3,
  },
  {
    group: 'replication',
    title: 'replication by SSH : rsync',
    kind: 'ratio',
    ours: 'replication-ssh/lifeboat',
    peers: ['replication-ssh/rsync'],
    limit: 1.1,
  },
  {
    group: 'pitr',
    title: 'point in time, 1.1 GB and 200 MB of WAL',
    kind: 'seconds',
    ours: 'pitr/lifeboat',
    limitSeconds: 10,
  },
  {
    group: 'exposure',
    title: 'p99 of what the stream has not got, 2,000 tps',
    kind: 'seconds',
    ours: 'exposure/stream',
    limitSeconds: 5,
  },
  {
    group: 'exposure',
    title: 'p99 of what is not durable, 2,000 tps',
    kind: 'seconds',
    ours: 'exposure/sealed',
    limitSeconds: 60,
  },
  ...(['large', 'small'] as const).map((what): Target => ({
    group: 'restore-script',
    title: `restore.sh, ${what} files : a loop of openssl and zstd`,
    kind: 'ratio',
    ours: `restore-script-${what}/lifeboat`,
    peers: [`restore-script-${what}/loop`],
    limit: 4,
  })),
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
    limitBytes: 450_000_000,
  },
  ...(['clone', 'package'] as const).flatMap(startupTargets),
  ...manyFilesTargets(),
];

/** 100,000 files of 1 KB. */
function manyFilesTargets(): Target[] {
  const ratio = (title: string, row: string, peer: string, limit: number): Target => ({
    group: 'many-files',
    title: `many files, ${title}`,
    kind: 'ratio',
    ours: `many-${row}/lifeboat`,
    peers: [peer],
    limit,
  });
  return [
    ratio('first : restic', 'first', 'many-first/restic', 0.8),
    ratio('unchanged : restic', 'unchanged', 'many-unchanged/restic', 0.5),
    {
      group: 'many-files',
      title: 'many files, unchanged: new objects',
      kind: 'bytes',
      ours: 'bytes/many-unchanged-stored',
      limitBytes: 100_000,
    },
    ratio('staging : restic restore', 'stage', 'many-stage/restic', 0.8),
    ratio('validation and probe : staging', 'prove', 'many-stage/lifeboat', 1),
    {
      group: 'many-files',
      title: 'many files, `restore plan`',
      kind: 'seconds',
      ours: 'many-plan/lifeboat',
      limitSeconds: 1,
    },
  ];
}

/** A command that asks nobody against an empty program of Node, one that asks Temporal against loading its client. */
function startupTargets(place: 'clone' | 'package'): Target[] {
  const of = (command: string, peer: string, limit: number): Target => ({
    group: 'startup',
    title: `${command.replace('-', ' ')} (${place}) : ${peer === 'node' ? 'node -e 0' : "Temporal's client"}`,
    kind: 'ratio',
    ours: `startup-${place}/${command}`,
    peers: [`startup-${place}/${peer}`],
    limit,
  });
  return [
    of('help', 'node', 5),
    of('version', 'node', 5),
    of('usage-error', 'node', 5),
    of('backups-list', 'node', 12),
    of('now', 'client', 2),
    of('schedules-list', 'client', 2),
  ];
}

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
  if (target.kind === 'seconds')
    return {
      ...known,
      ours,
      theirs: undefined,
      value: ours,
      limit: target.limitSeconds,
      isMet: isWithin(ours, target.limitSeconds),
    };
  const theirs = medianOfSums(measurements, target.kind === 'share' ? [target.of] : target.peers);
  const value = ours === undefined || theirs === undefined ? undefined : ours / theirs;
  const aim = target.kind === 'ratio' ? target.aim : undefined;
  const isAimReached = aim === undefined ? undefined : isWithin(value, aim);
  return { ...known, ours, theirs, value, limit: target.limit, isMet: isWithin(value, target.limit), isAimReached };
}

function isWithin(value: number | undefined, limit: number): boolean {
  return value !== undefined && value <= limit;
}
