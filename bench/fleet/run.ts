/**
 * `npm run bench -- --fleet`: many appliances on one Temporal server, with one worker process whose activities do nothing.
 *  1. what the workers of idle appliances keep open at the server;
 *  2. the day of one appliance, all its schedules filled back over 24 hours: histories by type, actions, writes;
 *  3. the fleet at rest: archiving and watching; then all its schedules are made;
 *  4. 02:00 of the fleet: the full backups are due within their jitter, beside whatever else is due by then.
 */
import { loadavg } from 'node:os';
import type { Appliance } from '../../src/domain/appliance.ts';
import { formatDuration } from '../../src/domain/duration.ts';
import { openResultFile } from '../../src/dev/result-file.ts';
import { describeMachine, machineText } from '../machine.ts';
import type { BenchOptions } from '../options.ts';
import { applianceName, fleetAppliance } from './appliance.ts';
import { measureBurst } from './burst.ts';
import { dayOf } from './day.ts';
import { addSums } from './histories.ts';
import { createSchedules, measureIdle, measureWorkerStart, startAlwaysOn, tickMs } from './idle.ts';
import { measureDay } from './one-day.ts';
import { measureOpenPolls } from './open-polls.ts';
import { fleetText, type FleetResult } from './report.ts';
import { openFleetStage, ratesOf, type FleetStage } from './stage.ts';
import { startFleetWorker, type FleetWorker } from './worker-process.ts';

const fullSchedule = 'backup-full/';

/** `stopOnSignal` has `stop` called where the benchmark is interrupted, until the function that it returns is called. */
export async function runFleet(
  options: BenchOptions,
  say: (text: string) => void,
  stopOnSignal: (stop: () => Promise<void>) => () => void,
): Promise<void> {
  const { appliances, jitterSeconds } = options;
  const file = openResultFile(options, 'the benchmark');
  const stage = await openFleetStage(appliances);
  const stopOnce = stopOnSignal(async () => stage.stop());
  try {
    const machine = await describeMachine(stage.directory, {
      temporal: [stage.server.command[0] ?? '', '--version'],
    });
    say(`${appliances} appliances, load ${loadavg()[0]!.toFixed(2)}`);
    const result = await measureFleet(stage, { appliances, jitterSeconds, say });
    machine.loadAfter = loadavg()[0]!;
    process.stdout.write(`\n${machineText(machine)}\n\n${fleetText(result)}\n`);
    file?.write({ at: new Date().toISOString(), machine, ...plain(result) });
  } finally {
    stopOnce();
    await stage.stop();
  }
}

/** Maps as objects, which JSON can hold. */
function plain(result: FleetResult): object {
  const { day, burst } = result;
  return {
    ...result,
    day: { ...day, sums: Object.fromEntries(day.sums) },
    burst: { ...burst, sums: Object.fromEntries(burst.sums) },
  };
}

interface FleetOptions {
  readonly appliances: number;
  readonly jitterSeconds: number | undefined;
  readonly say: (text: string) => void;
}

async function measureFleet(stage: FleetStage, options: FleetOptions): Promise<FleetResult> {
  const { appliances, jitterSeconds, say } = options;
  const fleet = (crons = {}): Appliance[] =>
    Array.from({ length: appliances }, (_, number) => fleetAppliance(applianceName(number), crons, jitterSeconds));
  const schedules = dayOf(fleet()[0]!);

  say('what idle workers keep open …');
  const polls = await measureOpenPolls(stage);
  say(`  ${polls.activity} requests for activities, ${polls.workflow} for workflow tasks, each`);
  say('the day of one appliance …');
  const day = await measureOneDay(stage);
  const runs = addSums(day.sums.values());
  say(`  ${runs.runs.toFixed(1)} runs, ${runs.events.toFixed(0)} events in ${formatDuration(day.rates.seconds)}`);

  const worker = await startFleetWorker('serve', stage.settings);
  try {
    say('archiving and watching of the fleet …');
    const alwaysOnSeconds = await startAlwaysOn(stage, fleet());
    const idle = await measureIdle(stage, worker);
    say(
      `  ${(idle.counts.writes / idle.seconds).toFixed(0)} writes per second, ${idle.serverCpu.toFixed(2)} processors`,
    );
    say('schedules of the fleet …');
    const created = await createSchedules(stage, fleet(), (id) => !id.startsWith(fullSchedule));
    say(`  ${created.schedules} in ${formatDuration(created.seconds)}`);
    // The last ones must be made before it: the schedules that are there already keep the server busy meanwhile.
    const due = nextTick(Date.now() + 3000 * appliances * (created.seconds / created.schedules) + 180_000);
    const atNight = fleet({ 'backup-full': cronOf(due) });
    await createSchedules(stage, atNight, (id) => id.startsWith(fullSchedule));
    const workerStart = await measureWorkerStart(stage, atNight[0]!);
    say(`the full backups are due at ${new Date(due).toISOString()} …`);
    const jitter = atNight[0]!.schedules['backup-full'].jitterSeconds;
    const burst = await measureBurst(stage, worker, due, { appliances, jitterSeconds: jitter });
    return { appliances, schedules, day, polls, created, alwaysOnSeconds, idle, workerStart, burst };
  } finally {
    await worker.kill();
  }
}

async function measureOneDay(stage: FleetStage): Promise<FleetResult['day']> {
  const worker: FleetWorker = await startFleetWorker('serve', stage.settings);
  try {
    const before = await stage.look(worker);
    const sums = await measureDay(stage);
    return { sums, rates: ratesOf(before, await stage.look(worker)) };
  } finally {
    await worker.kill();
  }
}

function nextTick(time: number): number {
  return Math.ceil(time / tickMs) * tickMs;
}

function cronOf(time: number): string {
  const at = new Date(time);
  return `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
}
