/** `lifeboat` alone: what is happening, is it moving, will we make the RTO, what do you need from me, what comes next. */
import type { Client } from '@temporalio/client';
import { withClient } from '../../client/connection.ts';
import { openRuns, snapshot, type RunSnapshot } from '../../client/runs.ts';
import { describeSchedule, type ScheduleView } from '../../client/schedules.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { formatDuration } from '../../domain/duration.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { Manifest } from '../../domain/recovery-point.ts';
import { print, printJson, say, withParts, type GlobalOptions } from '../context.ts';
import { exit } from '../exit.ts';
import { columnsOf } from '../output/redraw.ts';
import { runScreen } from '../output/run-screen.ts';

interface Orchestrator {
  readonly runs: readonly RunSnapshot[];
  readonly schedule: ScheduleView | undefined;
}

export async function now(globals: GlobalOptions): Promise<void> {
  await withParts(globals, async ({ appliance, repository: open }) => {
    const points = await readPoints(open);
    let orchestrator: Orchestrator | undefined;
    try {
      orchestrator = await withClient(appliance, async (client) => look(client, appliance));
    } catch (error) {
      if (!isLifeboatError(error, 'Unreachable')) throw error;
      say(`error: ${error.message}\n  hint: ${error.hint}`);
      process.exitCode = exit.unreachable;
    }
    if (globals.output === 'json') {
      return printJson({
        appliance: appliance.name,
        newest: points.newest?.timestamp ?? null,
        problem: points.problem ?? null,
        orchestrator: orchestrator ?? null,
      });
    }
    print([...pointLines(appliance, points), ...orchestratorLines(orchestrator)].join('\n'));
  });
}

interface Points {
  readonly newest?: Manifest;
  readonly problem?: string;
}

async function readPoints(
  open: () => Promise<{ listManifests: () => Promise<{ manifest?: Manifest }[]> }>,
): Promise<Points> {
  try {
    const newest = (await (await open()).listManifests()).find(({ manifest }) => manifest?.success === true)?.manifest;
    return newest === undefined ? {} : { newest };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

async function look(client: Client, appliance: Appliance): Promise<Orchestrator> {
  const open = await openRuns(client, appliance);
  return {
    runs: await Promise.all(open.slice(0, 5).map(async ({ workflowId }) => snapshot(client, workflowId))),
    schedule: await describeSchedule(client, appliance, 'backup-full'),
  };
}

function pointLines(appliance: Appliance, { newest, problem }: Points): string[] {
  if (problem !== undefined) return [`${appliance.name}: REPOSITORY NOT READABLE: ${problem}`];
  if (newest === undefined)
    return [`${appliance.name}: UNPROTECTED, no recovery point yet`, 'next: lifeboat backups run'];
  const rows = newest.lifeboat.components.map(({ id, capturedUntil }) => {
    const tier = appliance.components.find((component) => component.id === id)?.tier ?? 'critical';
    const age = (Date.now() - Date.parse(capturedUntil)) / 1000;
    const objective = appliance.objectives.rpoSeconds[tier];
    return `  ${id.padEnd(16)} ${formatDuration(age).padStart(10)} old, RPO ${formatDuration(objective)}${age > objective ? '  BREACHED' : ''}`;
  });
  return [`${appliance.name}: newest recovery point ${newest.timestamp}`, ...rows];
}

function orchestratorLines(orchestrator: Orchestrator | undefined): string[] {
  if (orchestrator === undefined) return ['next: lifeboat doctor'];
  const { runs, schedule } = orchestrator;
  const planned =
    schedule === undefined
      ? 'no backup schedule exists: start a worker'
      : schedule.paused
        ? `schedule ${schedule.id} is PAUSED: ${schedule.note}`
        : `next backup ${schedule.next.slice(0, 16)}Z${schedule.skipped === 0 ? '' : `, ${schedule.skipped} runs were skipped because one was open`}`;
  if (runs.length === 0)
    return [planned, 'nothing runs', 'next: lifeboat backups run | lifeboat restore plan | lifeboat doctor'];
  return [
    planned,
    ...runs.flatMap((run) => ['', run.workflowId, ...runScreen(run, new Date(), columnsOf(process.stdout) ?? 80)]),
    '',
    `next: lifeboat restore watch ${runs[0]?.workflowId ?? ''}`,
  ];
}
