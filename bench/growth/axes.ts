/** What grows, and what is measured at each size, as data. Pure. */

export const acts = [
  'first backup',
  'unchanged backup',
  'increment',
  'backups list',
  'now',
  'restore plan',
  'plan to a time',
  'presence',
  'verify',
  'verify daily',
  'replicate',
  'retention',
] as const;
export type Act = (typeof acts)[number];

export const axisNames = [
  'points',
  'points-s3',
  'packs',
  'packs-s3',
  'history',
  'components',
  'files',
  'bytes',
] as const;
export type AxisName = (typeof axisNames)[number];

export interface Axis {
  readonly name: AxisName;
  /** What the sizes count. */
  readonly title: string;
  readonly sizes: readonly number[];
  /** Measured with `--largest` besides. */
  readonly largest?: number;
  /** In this order. */
  readonly acts: readonly Act[];
  /** They are done in a copy, on an S3 server that takes this long for each request. */
  readonly latencyMs?: number;
}

const reading: readonly Act[] = [
  'backups list',
  'now',
  'restore plan',
  'plan to a time',
  'verify',
  'verify daily',
  'replicate',
  'retention',
];
const readingFar = reading.filter((act) => act !== 'now');

export const axes: readonly Axis[] = [
  {
    name: 'points',
    title: 'recovery points, four a day',
    sizes: [30, 300, 3000],
    acts: ['unchanged backup', 'increment', ...reading],
  },
  {
    name: 'points-s3',
    title: 'recovery points, in a copy on S3, 20 ms a request',
    sizes: [30, 300, 3000],
    acts: readingFar,
    latencyMs: 20,
  },
  {
    name: 'packs',
    title: 'packs of a point (64 are 1 GB)',
    sizes: [64, 640, 6400],
    acts: ['unchanged backup', 'increment', 'presence', ...reading],
  },
  {
    name: 'packs-s3',
    title: 'packs of a point, in a copy on S3, 20 ms a request',
    sizes: [64, 640, 6400],
    acts: ['presence', ...readingFar],
    latencyMs: 20,
  },
  {
    name: 'history',
    title: 'recovery points of 100 GB each, which share 6,400 packs',
    sizes: [10, 30, 100],
    acts: ['unchanged backup', 'increment', 'backups list', 'now', 'restore plan', 'plan to a time', 'retention'],
  },
  {
    name: 'components',
    title: 'components',
    sizes: [1, 5, 20],
    acts: ['first backup', 'unchanged backup', 'increment', 'presence', ...reading],
  },
  {
    name: 'files',
    title: 'files of 1 KB',
    sizes: [1000, 10_000, 100_000],
    largest: 1_000_000,
    acts: ['first backup', 'unchanged backup', 'increment', 'presence', ...reading],
  },
  {
    name: 'bytes',
    title: 'GB in one file, with holes and repeated content',
    sizes: [1, 10, 100],
    acts: ['first backup', 'unchanged backup', 'increment', 'presence', ...reading],
  },
];

export function sizesOf({ sizes, largest }: Axis, withLargest: boolean): readonly number[] {
  return withLargest && largest !== undefined ? [...sizes, largest] : sizes;
}
