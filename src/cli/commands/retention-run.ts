/** `lifeboat retention run` */
import { withClient } from '../../client/temporal/connection.ts';
import { formatBytes } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { plural } from '../../domain/plural.ts';
import { defaultMaxShare } from '../../domain/retention.ts';
import { loadAppliance } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { defaultColumns } from '../output/redraw.ts';
import { print, printJson } from '../output/speak.ts';
import { wrap } from '../output/wrap.ts';
import { requestedBy } from '../requested-by.ts';
import { startAndWatch } from '../start-and-watch.ts';

export async function retentionRun(
  globals: GlobalOptions,
  options: {
    readonly place?: string;
    readonly maxShare?: string;
    readonly idempotencyKey?: string;
    readonly reason: string;
  },
): Promise<void> {
  const appliance = await loadAppliance(globals);
  const maxShare = options.maxShare === undefined ? defaultMaxShare : Number(options.maxShare);
  if (!(maxShare > 0 && maxShare <= 1))
    throw new LifeboatError('InputInvalid', `--max-share ${options.maxShare} is no share`, {
      hint: 'a number above 0 and up to 1, for example 0.5',
    });
  await withClient(appliance, async (client) => {
    const input = {
      apply: true,
      maxShare,
      ...(options.place === undefined ? {} : { place: options.place }),
      requestedBy: requestedBy(),
      reason: options.reason,
    };
    const summary = `retention of ${appliance.name}`;
    const { idempotencyKey } = options;
    const run = { globals, appliance, client, type: 'retention', input, summary, idempotencyKey } as const;
    const result = await startAndWatch(run);
    if (result === undefined) return;
    if (globals.output === 'json') return printJson(result);
    for (const { place, collected } of result.places)
      if (collected !== null)
        print(
          wrap(
            `${place}: ${plural(collected.expired, 'recovery point')} left, ${plural(collected.removed, 'object')} of ${formatBytes(collected.removedBytes)} removed, ${collected.marked} marked`,
            defaultColumns,
            '  ',
          ),
        );
  });
}
