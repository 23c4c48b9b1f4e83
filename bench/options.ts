/** Arguments of the benchmark. */
import { parseArgs } from 'node:util';
import { applianceSizes, type ApplianceSize } from '../src/dev/appliance/seed/sizes.ts';
import type { ResultPlace } from '../src/dev/result-file.ts';
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
  --jitter DURATION       of every schedule of the fleet (\`0s\`, \`10m\`), instead of what is usual`;

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
    help: values.help,
  };
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
