/** Arguments of the benchmark. */
import { parseArgs } from 'node:util';
import { applianceSizes, type ApplianceSize } from '../src/dev/appliance/seed/sizes.ts';
import type { ResultPlace } from '../src/dev/result-file.ts';
import { axisNames } from './growth/axes.ts';
import { parseDuration } from '../src/domain/duration.ts';
import { LifeboatError } from '../src/domain/errors.ts';
import type { GrowthOptions } from './growth/options.ts';
import { groups, type Group } from './groups.ts';

export interface BenchOptions extends ResultPlace {
  readonly size: ApplianceSize;
  readonly runs: number;
  readonly only: readonly Group[];
  /** The seeded appliance stays for the next benchmark, which then begins at once. */
  readonly keepData: boolean;
  /** Many appliances on one Temporal server, instead of the rows. */
  readonly fleet: boolean;
  readonly appliances: number;
  /** Jitter of every schedule of the fleet, in the place of its own. */
  readonly jitterSeconds: number | undefined;
  /** Measures what each act costs while one thing grows, and nothing else. */
  readonly growth: GrowthOptions | undefined;
  readonly help: boolean;
}

/** Three to a line, within 80 columns. */
function listed(names: readonly string[]): string {
  const indent = ' '.repeat(26);
  const lines = Array.from({ length: Math.ceil(names.length / 3) }, (_, line) => names.slice(line * 3, line * 3 + 3));
  return lines.map((line) => `${indent}${line.join(', ')}`).join(',\n');
}

export const usage = `npm run bench -- [options]
  --size NAME             medium: 1.5 GB (default), large: 3 GB,
                          small: a few tens of MB, to try the benchmark
  --runs N                medians of N runs, 3 by default
  --json FILE             write every measured second there
  --only NAME,…           only these rows:
${listed(groups)}
  --keep-data             keep the seeded appliance for the next benchmark
  --fleet                 instead: many appliances on one Temporal server
  --appliances N          of the fleet, 1000 by default; 20 to try it
  --jitter DURATION       of every schedule of the fleet (\`0s\`, \`10m\`),
                          instead of what is usual
  --growth                instead: time, requests and memory while one thing
                          grows, some minutes
  --axes NAME,…           only these:
${listed(axisNames)}
  --largest               also a million files, which takes long`;

/** What is measured: by default the rows. */
const kinds = {
  rows: { options: ['size', 'runs', 'only', 'keep-data'], asked: 'the rows, without `--fleet` and `--growth`' },
  fleet: { options: ['fleet', 'appliances', 'jitter'], asked: '`--fleet`' },
  growth: { options: ['growth', 'axes', 'largest'], asked: '`--growth`' },
} as const;

/** InputInvalid. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const values = parse(args);
  const { size = 'medium', runs = '3', only, appliances = '1000', jitter, axes } = values;
  const options: BenchOptions = {
    size: oneOf('--size', applianceSizes, size),
    runs: numberOf('--runs', runs, 99),
    only: only?.split(',').map((name) => oneOf('--only', groups, name)) ?? groups,
    keepData: values['keep-data'] === true,
    fleet: values.fleet === true,
    appliances: numberOf('--appliances', appliances, 99_999),
    jitterSeconds: jitter === undefined ? undefined : durationOf('--jitter', jitter),
    growth: {
      axes: axes?.split(',').map((name) => oneOf('--axes', axisNames, name)) ?? axisNames,
      largest: values.largest === true,
    },
    json: values.json,
    jsonDescriptor: values['json-descriptor'] === undefined ? undefined : Number(values['json-descriptor']),
    help: values.help === true,
  };
  refuseMixed(values);
  return values.growth === true ? options : { ...options, growth: undefined };
}

/** What would be passed over in silence, while something else is measured for a long time. */
function refuseMixed(values: ReturnType<typeof parse>): void {
  if (values.fleet === true && values.growth === true) throw invalid('`--fleet` and `--growth` are two benchmarks');
  if (values.fleet === true && (values.json ?? values['json-descriptor']) !== undefined)
    throw invalid('`--json` does not belong to `--fleet`, which prints all that it measures');
  const kind = values.fleet === true ? 'fleet' : values.growth === true ? 'growth' : 'rows';
  for (const { options, asked } of Object.values(kinds).filter((each) => each !== kinds[kind])) {
    const other = options.find((name) => values[name] !== undefined);
    if (other !== undefined) throw invalid(`\`--${other}\` belongs to ${asked}`);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        size: { type: 'string' },
        runs: { type: 'string' },
        json: { type: 'string' },
        'json-descriptor': { type: 'string' },
        only: { type: 'string' },
        'keep-data': { type: 'boolean' },
        fleet: { type: 'boolean' },
        appliances: { type: 'string' },
        jitter: { type: 'string' },
        growth: { type: 'boolean' },
        axes: { type: 'string' },
        largest: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

function numberOf(option: string, text: string, most: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most)
    throw invalid(`${option} \`${text}\` is not a number from 1 to ${most}`);
  return number;
}

function durationOf(option: string, text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined) throw invalid(`${option} \`${text}\` is no duration with a unit`);
  return seconds;
}

function oneOf<T extends string>(option: string, known: readonly T[], text: string): T {
  const found = known.find((value) => value === text);
  if (found === undefined) throw invalid(`${option} \`${text}\` is not one of ${known.join(', ')}`);
  return found;
}

function invalid(message: string): LifeboatError {
  return new LifeboatError('InputInvalid', message, { hint: '`npm run bench -- --help` shows all options' });
}
