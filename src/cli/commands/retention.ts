/** `lifeboat retention plan|run`, `lifeboat backups hold|release|recall` */
import { withClient } from '../../client/connection.ts';
import { formatBytes, formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { plural } from '../../domain/plural.ts';
import { retentionOptions } from '../../operations/retention-of.ts';
import { usualMaxShare } from '../../domain/retention.ts';
import { capacityAlarm, planRetention, type RetentionPlan } from '../../operations/retention.ts';
import type { RetentionResult } from '../../../workflows/messages.ts';
import { commandOf, loadAppliance, print, printJson, say, withParts, type GlobalOptions } from '../context.ts';
import { exit } from '../exit.ts';
import { usualColumns } from '../output/redraw.ts';
import { table } from '../output/table.ts';
import { wrap } from '../output/wrap.ts';
import { requestedBy } from '../requested-by.ts';
import { startAndWatch } from '../start-and-watch.ts';

/** Works with Temporal dead. */
export async function retentionPlan(globals: GlobalOptions, { place }: { readonly place?: string }): Promise<void> {
  await withParts(globals, async (parts) => {
    const all = ['repository', ...parts.appliance.locations.map(({ name }) => name)];
    if (place !== undefined && !all.includes(place))
      throw new LifeboatError('InputInvalid', `unknown place \`${place}\``, { hint: `choose of ${all.join(', ')}` });
    const plans: { place: string; plan: RetentionPlan }[] = [];
    for (const name of place === undefined ? all : [place]) {
      const options = await retentionOptions(parts, name === 'repository' ? '' : name, usualMaxShare);
      plans.push({ place: name, plan: await planRetention(options) });
    }
    if (globals.output === 'json') printJson(plans);
    else print(plans.map(({ place: name, plan }) => planText(name, plan)).join('\n\n'));
    if (plans.some(({ plan }) => plan.refusals.length > 0)) process.exitCode = exit.degraded;
  });
}

function planText(place: string, plan: RetentionPlan): string {
  const { keep, remove, wal, usage, forecast, refusals } = plan;
  const alarm = capacityAlarm(forecast);
  const kept = keep.filter(({ reasons }) => !reasons.includes('within its time'));
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
    ...kept.map(({ id, reasons }) => wrap(`${id} stays beyond its time: ${reasons.join(', ')}`, usualColumns, '  ')),
    ...(wal.keys.length === 0
      ? []
      : [`WAL: ${plural(wal.keys.length, 'piece')} would leave, ${formatBytes(wal.bytes)}`]),
    wrap(
      `space: ${formatBytes(usage.bytes)} now, about ${formatBytes(forecast.settledBytes)} when it has settled, ${formatBytes(forecast.capacityBytes)} may be held`,
      usualColumns,
      '  ',
    ),
    ...(alarm === undefined ? [] : [wrap(`! ${place} ${alarm}`, usualColumns, '  ')]),
    ...refusals.map((refusal) => wrap(`REFUSED: ${refusal}`, usualColumns, '  ')),
  ].join('\n');
}

export async function retentionRun(
  globals: GlobalOptions,
  options: { readonly place?: string; readonly maxShare?: string; readonly reason: string },
): Promise<void> {
  const appliance = await loadAppliance(globals);
  const maxShare = options.maxShare === undefined ? usualMaxShare : Number(options.maxShare);
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
    const run = { globals, appliance, client, type: 'retention', input, summary };
    const result = await startAndWatch<RetentionResult>(run);
    if (result === undefined) return;
    if (globals.output === 'json') return printJson(result);
    for (const { place, collected } of result.places)
      if (collected !== null)
        print(
          wrap(
            `${place}: ${plural(collected.expired, 'recovery point')} left, ${plural(collected.removed, 'object')} of ${formatBytes(collected.removedBytes)} removed, ${collected.marked} marked`,
            usualColumns,
            '  ',
          ),
        );
  });
}

export async function backupsHold(
  globals: GlobalOptions,
  id: string,
  { reason }: { readonly reason: string },
): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open();
    const { timestamp } = await repository.findManifest(id);
    await repository.hold({ backupId: timestamp, by: requestedBy(), reason });
    print(wrap(`${timestamp} is held: retention keeps it and what it needs, everywhere`, usualColumns, '  '));
    say(`until \`${commandOf(globals, `backups release ${timestamp}`)}\``);
  });
}

/** Also where the copies were told of it. */
export async function backupsRelease(globals: GlobalOptions, id: string): Promise<void> {
  await withParts(globals, async ({ appliance, repository: open }) => {
    const repository = await open();
    const held = (await repository.listHolds()).find(({ backupId }) => backupId === id);
    if (held === undefined) throw new LifeboatError('NotFound', `\`${id}\` is not held`);
    // The repository last: until then the command can be said again.
    for (const { name } of appliance.locations) await (await open(repository.id, name)).releaseHold(id);
    await repository.releaseHold(id);
    print(
      wrap(`${id} is released; held by ${held.by} since ${held.at.slice(0, 16)}Z: ${held.reason}`, usualColumns, '  '),
    );
  });
}

/** Within the grace of collection. */
export async function backupsRecall(
  globals: GlobalOptions,
  id: string,
  { from }: { readonly from?: string },
): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open(undefined, from);
    await repository.unexpire(id, requestedBy());
    print(`recovery point ${id} is back`);
    say(`retention would remove it again: \`${commandOf(globals, `backups hold ${id} --reason '…'`)}\``);
  });
}
