/** `lifeboat schedules list|plan|apply|pause|resume|trigger|backfill` */
import { withClient } from '../../client/temporal/connection.ts';
import { areRegistered } from '../../client/temporal/run-attributes.ts';
import {
  backfillSchedule,
  describeSchedules,
  pauseSchedule,
  resumeSchedule,
  triggerSchedule,
} from '../../client/schedules.ts';
import { requireWorker } from '../../client/temporal/workers.ts';
import { applySchedules, planSchedules, type ScheduleChange } from '../../../schedules/reconcile.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { plural } from '../../domain/plural.ts';
import type { ScheduleName } from '../../domain/schedules.ts';
import { zonedTime } from '../../domain/zoned-time.ts';
import { loadAppliance } from '../context.ts';
import { commandOf, type GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { exit } from '../exit.ts';
import { defaultColumns } from '../output/redraw.ts';
import { table } from '../output/table.ts';
import { wrap } from '../output/wrap.ts';
import { requestedBy } from '../requested-by.ts';

export async function schedulesList(globals: GlobalOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const schedules = await describeSchedules(client, appliance);
    const rows = schedules.map(({ name, enabled, view }) => ({
      name,
      cron: appliance.schedules[name].cron,
      timeZone: appliance.schedules[name].timeZone,
      state: !enabled ? 'off' : view === undefined ? 'MISSING' : view.paused ? 'PAUSED' : 'on',
      last: view?.last ?? '',
      next: view?.next ?? '',
      note: view?.note ?? '',
      missed: view?.missed ?? [],
    }));
    if (globals.output === 'json') return printJson(rows);
    print(
      table(
        ['SCHEDULE', 'CRON', 'STATE', 'LAST (UTC)', 'NEXT (UTC)'],
        rows.map(({ name, cron, state, last, next }) => [
          name,
          cron,
          state,
          minuteOf(last),
          state === 'PAUSED' ? '' : minuteOf(next),
        ]),
      ),
    );
    for (const { name, timeZone, state, note, missed } of rows) {
      if (timeZone !== 'UTC') print(`${name} goes by the clocks of ${timeZone}`);
      if (state === 'PAUSED') print(wrap(`${name} is paused: ${note}`, defaultColumns, '  '));
      if (missed.length > 0) print(`${name} missed ${plural(missed.length, 'run')} since ${minuteOf(missed[0] ?? '')}`);
    }
  });
}

function minuteOf(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}

export async function schedulesPlan(globals: GlobalOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const changes = await planSchedules(client, appliance, { searchable: await areRegistered(client) });
    show(globals, changes);
    const open = changes.filter(({ action }) => action !== 'keep' && action !== 'unmanaged').length;
    if (open > 0) say(`${plural(open, 'change')}; make them with \`${commandOf(globals, 'schedules apply')}\``);
  });
}

export async function schedulesApply(globals: GlobalOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const changes = await applySchedules(client, appliance, { searchable: await areRegistered(client) });
    show(globals, changes);
    if (changes.some(({ action }) => action === 'unmanaged')) process.exitCode = exit.degraded;
  });
}

function show(globals: GlobalOptions, changes: readonly ScheduleChange[]): void {
  if (globals.output === 'json') return printJson(changes);
  print(
    table(
      ['ACTION', 'SCHEDULE', 'WHY'],
      changes.map(({ action, scheduleId, reasons }) => [action, scheduleId, reasons.join(', ')]),
    ),
  );
}

export async function schedulesPause(
  globals: GlobalOptions,
  name: ScheduleName,
  { reason }: { readonly reason: string },
): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => pauseSchedule(client, appliance, name, `${reason} (${requestedBy()})`));
  print(`${name} is paused`);
  say(`it stays so until \`${commandOf(globals, `schedules resume ${name}`)}\``);
}

export async function schedulesResume(globals: GlobalOptions, name: ScheduleName): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => resumeSchedule(client, appliance, name, `resumed by ${requestedBy()}`));
  print(`${name} runs again`);
}

export async function schedulesTrigger(globals: GlobalOptions, name: ScheduleName): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    await requireWorker(client, appliance);
    const workflowId = await triggerSchedule(client, appliance, name);
    print(workflowId);
    say(`follow it: \`${commandOf(globals, `restore watch ${workflowId}`)}\``);
  });
}

export async function schedulesBackfill(
  globals: GlobalOptions,
  name: ScheduleName,
  { after, until }: { readonly after: string; readonly until?: string },
): Promise<void> {
  const appliance = await loadAppliance(globals);
  const from = zonedTime(after);
  const to = until === undefined ? new Date() : zonedTime(until);
  if (from >= to) throw new LifeboatError('InputInvalid', `${after} is not before ${to.toISOString()}`);
  await withClient(appliance, async (client) => {
    const due = await backfillSchedule(client, appliance, name, { from, to });
    if (globals.output === 'json') return printJson(due);
    if (due.length === 0) return print(`${name} was not due between ${from.toISOString()} and ${to.toISOString()}`);
    print(
      `${name}: ${plural(due.length, 'run')}, one after another, for ${due.map((time) => minuteOf(time.toISOString())).join(', ')}`,
    );
  });
}
