/** Arguments of the benchmark. */
import { parseArgs } from 'node:util';
import { applianceSizes, type ApplianceSize } from '../src/dev/appliance/seed/sizes.ts';
import type { ResultPlace } from '../src/dev/result-file.ts';
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
] as const;
export type Group = (typeof groups)[number];

export interface BenchOptions extends ResultPlace {
  readonly size: ApplianceSize;
  readonly runs: number;
  readonly only: readonly Group[];
  /** The seeded appliance stays for the next benchmark, which then begins at once. */
  readonly keepData: boolean;
  readonly help: boolean;
}

export const usage = `npm run bench -- [options]
  --size NAME             medium: 1.5 GB (default), large: 3 GB, small: a few tens of MB, to try the benchmark
  --runs N                medians of N runs, 3 by default
  --json FILE             write every measured second there
  --only NAME,…           only these rows: ${groups.join(', ')}
  --keep-data             keep the seeded appliance for the next benchmark`;

/** InputInvalid with the usage as hint. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const values = parse(args);
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1 || runs > 99)
    throw invalid(`--runs \`${values.runs}\` is not a number from 1 to 99`);
  const only = values.only === undefined ? groups : values.only.split(',').map((name) => oneOf('--only', groups, name));
  return {
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
