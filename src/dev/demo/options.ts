/** Arguments of the demo. */
import { parseArgs } from 'node:util';
import { LifeboatError } from '../../domain/errors.ts';
import { sabotageKinds, type SabotageKind } from '../appliance/sabotage.ts';
import type { ResultPlace } from '../result-file.ts';
import { applianceSizes, type ApplianceSize } from '../appliance/seed/sizes.ts';

export interface DemoOptions extends ResultPlace {
  readonly size: ApplianceSize;
  /** What is spoiled, in this order; nothing by default. */
  readonly sabotage: readonly SabotageKind[];
  /** Location from which the restore reads, after the repository was destroyed as well. */
  readonly from: 's3' | undefined;
  readonly keep: boolean;
  /** State folder of an earlier demo that is opened again. */
  readonly open: string | undefined;
  readonly help: boolean;
}

export const usage = `npm run demo -- [options]
  --size small|medium     about 60 MB (default) or 1.5 GB of component data
  --json FILE             write the measured result there
  --sabotage KIND,…       spoil things, each of which must be noticed:
                          ${sabotageKinds.join(', ')}
  --from s3               destroy Lifeboat's own disk too, restore from the off-site copy
  --keep                  leave everything running and print the addresses
  --open FOLDER           open the state of an earlier demo: server, worker, UI`;

export function parseDemoOptions(args: readonly string[]): DemoOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        size: { type: 'string', default: 'small' },
        json: { type: 'string' },
        'json-descriptor': { type: 'string' },
        sabotage: { type: 'string' },
        from: { type: 'string' },
        keep: { type: 'boolean', default: false },
        open: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new LifeboatError('InputInvalid', (error as Error).message, { hint: usage });
  }
  return {
    size: oneOf('--size', applianceSizes, values.size),
    json: values.json,
    jsonDescriptor: values['json-descriptor'] === undefined ? undefined : Number(values['json-descriptor']),
    sabotage: (values.sabotage?.split(',') ?? []).map((kind) => oneOf('--sabotage', sabotageKinds, kind)),
    from: values.from === undefined ? undefined : oneOf('--from', ['s3'] as const, values.from),
    keep: values.keep,
    open: values.open,
    help: values.help,
  };
}

function oneOf<T extends string>(option: string, known: readonly T[], text: string): T {
  const found = known.find((value) => value === text);
  if (found === undefined)
    throw new LifeboatError('InputInvalid', `${option} \`${text}\` is not one of ${known.join(', ')}`, { hint: usage });
  return found;
}
