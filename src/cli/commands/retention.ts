/** `lifeboat retention plan` */
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { plural } from '../../domain/plural.ts';
import { retentionOptions } from '../../operations/retention/options.ts';
import { defaultMaxShare } from '../../domain/retention.ts';
import { capacityAlarm, planRetention, type RetentionPlan } from '../../operations/retention/retention.ts';
import { withParts } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { print, printJson } from '../output/speak.ts';
import { exit } from '../exit.ts';
import { defaultColumns } from '../output/redraw.ts';
import { table } from '../output/table.ts';
import { wrap } from '../output/wrap.ts';

/** Works with Temporal dead. */
export async function retentionPlan(globals: GlobalOptions, { place }: { readonly place?: string }): Promise<void> {
  await withParts(globals, async (parts) => {
    const all = ['repository', ...parts.appliance.locations.map(({ name }) => name)];
    if (place !== undefined && !all.includes(place))
      throw new LifeboatError('InputInvalid', `unknown place \`${place}\``, { hint: `choose of ${all.join(', ')}` });
    const plans: { place: string; plan: RetentionPlan }[] = [];
    for (const name of place === undefined ? all : [place]) {
      const options = await retentionOptions(parts, name === 'repository' ? '' : name, defaultMaxShare);
      plans.push({ place: name, plan: await planRetention(options) });
    }
    if (globals.output === 'json') printJson(plans);
    else print(plans.map(({ place: name, plan }) => planText(name, plan)).join('\n\n'));
    if (plans.some(({ plan }) => plan.refusals.length > 0)) process.exitCode = exit.degraded;
  });
}

const inTime = 'within its time';
const held = 'held';

function planText(place: string, plan: RetentionPlan): string {
  const { keep, remove, wal, usage, forecast, refusals } = plan;
  const alarm = capacityAlarm(forecast);
  const stays = keep.flatMap(({ id, reasons }) => {
    if (!reasons.includes(inTime)) return [`${id} stays beyond its time: ${reasons.join(', ')}`];
    // It would not be missed today, and a person wants to see that it counts.
    return reasons.includes(held) ? [`${id} stays: ${reasons.join(', ')}`] : [];
  });
  return [
    `${place}: ${plural(remove.length, 'recovery point')} would leave, ${keep.length} stay`,
    ...(remove.length === 0
      ? []
      : [
          table(
            ['LEAVES', 'TYPE', 'AGE'],
            remove.map(({ id, type, ageSeconds }) => [id, type, formatDuration(ageSeconds)]),
          ),
        ]),
    ...stays.map((text) => wrap(text, defaultColumns, '  ')),
    ...(wal.keys.length === 0
      ? []
      : [`WAL: ${plural(wal.keys.length, 'piece')} would leave, ${formatBytes(wal.bytes)}`]),
    wrap(
      `space: ${formatBytes(usage.bytes)} now, about ${formatBytes(forecast.settledBytes)} when it has settled, ${formatBytes(forecast.capacityBytes)} may be held`,
      defaultColumns,
      '  ',
    ),
    ...(alarm === undefined ? [] : [wrap(`! ${place} ${alarm}`, defaultColumns, '  ')]),
    ...refusals.map((refusal) => wrap(`REFUSED: ${refusal}`, defaultColumns, '  ')),
  ].join('\n');
}
