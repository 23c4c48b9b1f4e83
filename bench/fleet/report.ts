/** The result of the fleet as text. Pure. */
import { formatBytes, formatDuration } from '../../src/domain/duration.ts';
import { textTable } from '../table.ts';
import type { Burst } from './burst.ts';
import { runsADay, type DayOfSchedule } from './day.ts';
import { addSums, quantile, type TypeSums } from './histories.ts';
import type { WorkerStart } from './idle.ts';
import type { OpenPolls } from './open-polls.ts';
import { needsOf, spreadSeconds, type Load } from './scale.ts';
import { total } from './server-metrics.ts';
import type { Rates } from './stage.ts';

export interface FleetResult {
  readonly appliances: number;
  readonly schedules: readonly DayOfSchedule[];
  /** What one appliance does in a day. */
  readonly day: { readonly sums: ReadonlyMap<string, TypeSums>; readonly rates: Rates };
  readonly polls: OpenPolls;
  readonly created: { readonly schedules: number; readonly seconds: number };
  readonly alwaysOnSeconds: number;
  readonly idle: Rates;
  readonly workerStart: WorkerStart;
  readonly burst: Burst;
}

const fleets = [1000, 10_000, 100_000];
const daySeconds = 86_400;

export function fleetText(result: FleetResult): string {
  const parts: [string, string][] = [
    ['what the schedules of an appliance start', schedulesTable(result.schedules)],
    ['histories of an appliance in a day', historiesTable(result.day.sums)],
    [`${result.appliances} appliances`, fleetTable(result)],
    [`how long tasks waited for a worker in the burst, of runs of each type`, waitsTable(result.burst)],
    ['what a fleet asks of the server, from the numbers above', needsTable(result)],
  ];
  return parts.map(([title, table]) => `${title}\n${table}`).join('\n\n');
}

function schedulesTable(schedules: readonly DayOfSchedule[]): string {
  return textTable([
    ['schedule', 'cron', 'jitter', 'runs a day'],
    ...schedules.map(({ name, cron, jitterSeconds, runs, share }) => [
      name,
      cron,
      formatDuration(jitterSeconds),
      (runs * share).toFixed(share === 1 ? 0 : 2),
    ]),
    ['together', '', '', runsADay(schedules).toFixed(2)],
  ]);
}

function historiesTable(sums: ReadonlyMap<string, TypeSums>): string {
  const row = (name: string, { runs, events, bytes, transitions }: TypeSums): string[] => [
    name,
    runs.toFixed(1),
    (events / runs).toFixed(0),
    formatBytes(bytes / runs),
    events.toFixed(0),
    formatBytes(bytes),
    transitions.toFixed(0),
  ];
  const sorted = [...sums].toSorted(([, one], [, other]) => other.events - one.events);
  return textTable([
    ['workflow', 'runs', 'events a run', 'bytes a run', 'events', 'bytes', 'transitions'],
    ...sorted.map(([name, sum]) => row(name, sum)),
    row('together', addSums(sums.values())),
  ]);
}

function fleetTable(result: FleetResult): string {
  const { day, polls, created, alwaysOnSeconds, idle, workerStart, burst, appliances } = result;
  const perSecond = (count: number, { seconds }: Rates): string => (count / seconds).toFixed(1);
  const inBurst = addSums(burst.sums.values());
  const { rates } = burst;
  return textTable([
    ['the day of one appliance was run in', formatDuration(day.rates.seconds)],
    ['  actions', total(day.rates.counts.actions).toFixed(0)],
    ['  writes to the database', day.rates.counts.writes.toFixed(0)],
    ['  growth of the database', formatBytes(day.rates.databaseBytes)],
    ['  processor time of the server', formatDuration(day.rates.serverCpu * day.rates.seconds)],
    [`open polls of one idle worker (mean of ${polls.appliances}), activities`, polls.activity.toFixed(1)],
    ['  workflows', polls.workflow.toFixed(1)],
    ['  memory of the server for it', formatBytes(polls.serverBytes)],
    ['schedules made', `${created.schedules} in ${formatDuration(created.seconds)}`],
    ['archiving and watching started', `${2 * appliances} in ${formatDuration(alwaysOnSeconds)}`],
    ['at rest: heartbeats per second', perSecond(heartbeats(idle), idle)],
    ['  actions per second', perSecond(total(idle.counts.actions), idle)],
    ['  writes to the database per second', perSecond(idle.counts.writes, idle)],
    ['  processors of the server, of the worker', `${idle.serverCpu.toFixed(2)}, ${idle.workerCpu.toFixed(2)}`],
    ['start of one more worker: schedules compared in', formatDuration(workerStart.seconds)],
    ['  requests', String(workerStart.requests)],
    ['  all schedules of the server listed and compared in', formatDuration(workerStart.planSeconds)],
    [
      `full backups due within ${formatDuration(burst.jitterSeconds)}: over after`,
      burst.isOver ? formatDuration(rates.seconds) : `not over after ${formatDuration(rates.seconds)}`,
    ],
    ['  all runs that ended meanwhile', String(inBurst.runs)],
    ['  events per second', perSecond(inBurst.events, rates)],
    ['  transitions per second', perSecond(inBurst.transitions, rates)],
    ['  actions per second', perSecond(total(rates.counts.actions), rates)],
    ['  activities per second', perSecond(rates.counts.actions['command_ScheduleActivityTask'] ?? 0, rates)],
    ['  writes to the database per second', perSecond(rates.counts.writes, rates)],
    ['  processors of the server, of the worker', `${rates.serverCpu.toFixed(2)}, ${rates.workerCpu.toFixed(2)}`],
    [
      '  peak memory of the server, of the worker',
      `${formatBytes(burst.peak.serverBytes)}, ${formatBytes(burst.peak.workerBytes)}`,
    ],
    ['  growth of the database', formatBytes(rates.databaseBytes)],
  ]);
}

function heartbeats({ counts }: Rates): number {
  return counts.requests['RecordActivityTaskHeartbeat'] ?? 0;
}

function waitsTable({ starts, durations, waits }: Burst): string {
  const row = (name: string, values: readonly number[]): string[] => [
    name,
    ...[0.5, 0.9, 0.99, 1].map((share) => {
      const ms = quantile(values, share);
      return ms === undefined ? '' : ms < 10_000 ? `${Math.round(ms)} ms` : formatDuration(ms / 1000);
    }),
    String(values.length),
  ];
  return textTable([
    ['', 'median', '90 %', '99 %', 'most', 'counted'],
    row('fullBackup: begins after its time', starts),
    row('fullBackup: takes', durations),
    row('fullBackup: workflow tasks', waits.fullBackup.workflow),
    row('fullBackup: activities', waits.fullBackup.activity),
    row('rpoWatch: workflow tasks', waits.rpoWatch.workflow),
    row('rpoWatch: activities', waits.rpoWatch.activity),
  ]);
}

/** Heartbeats of the compressed day are of runs that take no time: those of what is always on are counted at rest. */
export function loadOf({ schedules, day, polls, idle, appliances }: FleetResult): Load {
  const { runs, events, transitions } = addSums(day.sums.values());
  return {
    runs,
    scheduledRuns: runsADay(schedules),
    events,
    transitions,
    writes: day.rates.counts.writes,
    actions: total(day.rates.counts.actions),
    databaseBytes: day.rates.databaseBytes,
    cpuSeconds: day.rates.serverCpu * day.rates.seconds,
    idleCpu: idle.serverCpu / appliances,
    idleWrites: idle.counts.writes / idle.seconds / appliances,
    idleActions: total(idle.counts.actions) / idle.seconds / appliances,
    schedules: schedules.length,
    activityPolls: polls.activity,
  };
}

function needsTable(result: FleetResult): string {
  const load = loadOf(result);
  const needs = [...new Set([result.appliances, ...fleets])].map((size) => needsOf(size, load));
  const rounded = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));
  return textTable([
    ['appliances', ...needs.map(({ appliances }) => String(appliances))],
    ['schedules', ...needs.map(({ schedules }) => String(schedules))],
    ['runs that schedules start, per second', ...needs.map((each) => rounded(each.scheduledStartsPerSecond))],
    ['events per second', ...needs.map(({ eventsPerSecond }) => rounded(eventsPerSecond))],
    ['writes to the database per second', ...needs.map(({ writesPerSecond }) => rounded(writesPerSecond))],
    ['actions per second', ...needs.map(({ actionsPerSecond }) => rounded(actionsPerSecond))],
    ['processors of a server like this one', ...needs.map(({ processors }) => rounded(processors))],
    ['database, histories kept for a day', ...needs.map(({ databaseBytes }) => formatBytes(databaseBytes))],
    ['open polls of activities', ...needs.map(({ openPolls }) => rounded(openPolls))],
    ['frontends at 1200 polls each', ...needs.map(({ frontends }) => String(frontends))],
    ['namespaces at 30 scheduled starts per second', ...needs.map((each) => String(each.namespacesForStarts))],
    [
      '02:00 without jitter in one namespace: started in',
      ...needs.map((each) => formatDuration(each.startsOfFullsSeconds)),
    ],
    [
      'jitter that this server would need for its full backups',
      ...needs.map(({ appliances }) => jitterText(result, load, appliances)),
    ],
  ]);
}

/** What the server did in the burst is what it can do, if the burst kept it busy. */
function jitterText({ burst }: FleetResult, load: Load, appliances: number): string {
  const { fulls, all } = workOfBurst(burst);
  const capacity = all / burst.rates.seconds;
  const seconds = spreadSeconds(appliances, fulls / burst.appliances, {
    capacity,
    beside: (appliances * load.transitions) / daySeconds,
  });
  return Number.isFinite(seconds) ? formatDuration(seconds) : 'it is too small';
}

/** Transitions of the full backups with everything that they lead to, and of all runs. */
function workOfBurst({ sums }: Burst): { readonly fulls: number; readonly all: number } {
  const all = addSums(sums.values()).transitions;
  const others = ['rpoWatch', 'criticalBackup'].map((type) => sums.get(type)?.transitions ?? 0);
  return { fulls: others.reduce((left, transitions) => left - transitions, all), all };
}
