/** Arguments of the benchmark. */
import { parseArgs } from 'node:util';
import { applianceSizes, type ApplianceSize } from '../src/dev/appliance/seed/sizes.ts';
import type { ResultPlace } from '../src/dev/result-file.ts';
import { axisNames } from './growth/axes.ts';
import type { GrowthOptions } from './growth/run.ts';
import { parseDuration } from '../src/domain/duration.ts';
import { LifeboatError } from '../src/domain/errors.ts';

export const groups = [
  'first-backup',
  'second-backup',
  'restore',
  'verify',
  'replication',
  'go-live',
  'incremental',
  'pitr',
  'exposure',
  'workflow',
  'startup',
  'restore-script',
  'many-files',
] as const;
export type Group = (typeof groups)[number];

export interface BenchOptions extends ResultPlace {
  readonly size: ApplianceSize;
  readonly runs: number;
  readonly only: readonly Group[];
  /** The seeded appliance stays for the next benchmark, which then begins at once. */
  readonly keepData: boolean;
  /** Many appliances on one Temporal server, instead of the rows. */
  readonly fleet: boolean;
  readonly appliances: number;
  /** Of every schedule of the fleet, in the place of its own. */
  readonly jitterSeconds: number | undefined;
  /** Measures what each act costs while one thing grows, and nothing else. */
  readonly growth: GrowthOptions | undefined;
  readonly help: boolean;
}

export const usage = `npm run bench -- [options]
  --size NAME             medium: 1.5 GB (default), large: 3 GB, small: a few tens of MB, to try the benchmark
  --runs N                medians of N runs, 3 by default
  --json FILE             write every measured second there
  --only NAME,…           only these rows: ${groups.join(', ')}
  --keep-data             keep the seeded appliance for the next benchmark
  --fleet                 instead of all that: many appliances on one Temporal server
  --appliances N          of the fleet, 1000 by default; 20 to try it
  --jitter DURATION       of every schedule of the fleet (\`0s\`, \`10m\`), instead of what is usual
  --growth                instead: time, requests and memory while one thing grows
  --axes NAME,…           only these: ${axisNames.join(', ')}
  --largest               also a million files and 100 GB, which takes long`;

/** InputInvalid with the usage as hint. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const values = parse(args);
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1 || runs > 99)
    throw invalid(`--runs \`${values.runs}\` is not a number from 1 to 99`);
  const only = values.only === undefined ? groups : values.only.split(',').map((name) => oneOf('--only', groups, name));
  const appliances = Number(values.appliances);
  if (!Number.isInteger(appliances) || appliances < 1 || appliances > 99_999)
    throw invalid(`--appliances \`${values.appliances}\` is not a number from 1 to 99999`);
  const jitterSeconds = values.jitter === undefined ? undefined : parseDuration(values.jitter);
  if (values.jitter !== undefined && jitterSeconds === undefined)
    throw invalid(`--jitter \`${values.jitter}\` is no duration with a unit`);
  return {
    fleet: values.fleet,
    appliances,
    jitterSeconds,
    size: oneOf('--size', applianceSizes, values.size),
    runs,
    json: values.json,
    jsonDescriptor: values['json-descriptor'] === undefined ? undefined : Number(values['json-descriptor']),
    only,
    keepData: values['keep-data'],
    growth: growthOf(values),
    help: values.help,
  };
}

function growthOf({ growth, axes, largest }: ReturnType<typeof parse>): GrowthOptions | undefined {
  if (growth) return { axes: axes?.split(',').map((name) => oneOf('--axes', axisNames, name)) ?? axisNames, largest };
  if (axes !== undefined || largest) throw invalid('`--axes` and `--largest` belong to `--growth`');
  return undefined;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        size: { type: 'string', default: 'medium' },
        runs: { type: 'string', default: '3' },
        json: { type: 'string' },
        'json-descriptor': { type: 'string' },
        only: { type: 'string' },
        'keep-data': { type: 'boolean', default: false },
        fleet: { type: 'boolean', default: false },
        appliances: { type: 'string', default: '1000' },
        jitter: { type: 'string' },
        growth: { type: 'boolean', default: false },
        axes: { type: 'string' },
        largest: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

function oneOf<T extends string>(option: string, known: readonly T[], text: string): T {
  const found = known.find((value) => value === text);
  if (found === undefined) throw invalid(`${option} \`${text}\` is not one of ${known.join(', ')}`);
  return found;
}

function invalid(message: string): LifeboatError {
  return new LifeboatError('InputInvalid', message, { hint: usage });
}
