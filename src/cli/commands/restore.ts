/** `lifeboat restore plan|start|watch|abort|show` */
import { createInterface } from 'node:readline/promises';
import type { Client } from '@temporalio/client';
import { runUrl, withClient } from '../../client/connection.ts';
import { abortRun, openRuns, startRun } from '../../client/runs.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { RestorePlan } from '../../domain/restore-plan.ts';
import { recordOf } from '../../operations/find-record.ts';
import { describeTarget, makePlan } from '../../operations/prepare-restore.ts';
import type { RestoreResult } from '../../../workflows/messages.ts';
import type { Parts } from '../../../workers/wire.ts';
import { listOf, loadAppliance, print, printJson, say, withParts, type GlobalOptions } from '../context.ts';
import { exit } from '../exit.ts';
import { planText } from '../output/plan.ts';
import { table } from '../output/table.ts';
import { requestedBy } from '../requested-by.ts';
import { watchRun } from '../watch.ts';

export interface SelectOptions {
  readonly at: string;
  readonly components?: readonly string[];
  readonly stopFirst?: boolean;
  readonly replaceDamaged?: boolean;
}

export interface StartOptions extends SelectOptions {
  readonly reason?: string;
  readonly confirm?: string;
  readonly keepNew?: boolean;
  readonly disasterAt?: string;
  readonly detach?: boolean;
}

/** Plans in this process: works with Temporal dead and shows the same plan that the run would make. */
export async function restorePlan(globals: GlobalOptions, options: SelectOptions): Promise<void> {
  await withParts(globals, async (parts) => {
    const plan = await planHere(parts, options);
    if (globals.output === 'json') printJson(plan);
    else print(planText(plan));
  });
}

export async function restoreStart(globals: GlobalOptions, options: StartOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  const disasterAt = options.disasterAt === undefined ? undefined : Date.parse(options.disasterAt);
  if (Number.isNaN(disasterAt))
    throw new LifeboatError(
      'InputInvalid',
      `--disaster-at \`${options.disasterAt ?? ''}\` is not a time; write for example 2026-11-22T03:00:00Z`,
    );
  const confirm = await confirmed(globals, appliance, options);
  await withClient(appliance, async (client) => {
    const input = {
      at: options.at,
      components: selected(options),
      reason: options.reason ?? '',
      confirm,
      stopFirst: options.stopFirst ?? false,
      replaceDamaged: options.replaceDamaged ?? false,
      keepNew: options.keepNew ?? false,
      requestedBy: requestedBy(),
      ...(options.disasterAt === undefined ? {} : { disasterAt: options.disasterAt }),
    };
    const { workflowId } = await startRun(
      client,
      appliance,
      'restore',
      input,
      `restore of ${appliance.name} from ${options.at}: ${options.reason ?? ''}`,
    );
    say(`${workflowId}\n  ${runUrl(appliance, workflowId)}`);
    if (options.detach === true) return print(workflowId);
    report(globals, await watchRun<RestoreResult>(client, workflowId));
  });
}

export async function restoreWatch(globals: GlobalOptions, run: string | undefined): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const workflowId = run ?? (await newestRun(client, appliance));
    const result = await watchRun<RestoreResult>(client, workflowId);
    if (workflowId.startsWith('restore/')) report(globals, result);
    else printJson(result);
  });
}

export async function restoreAbort(
  globals: GlobalOptions,
  run: string | undefined,
  { reason }: { readonly reason: string },
): Promise<void> {
  const appliance = await loadAppliance(globals);
  await withClient(appliance, async (client) => {
    const workflowId = run ?? (await newestRun(client, appliance, 'restore/'));
    say(`${workflowId}: ${await abortRun(client, appliance, workflowId, { by: requestedBy(), reason })}`);
    await watchRun(client, workflowId);
  });
}

/** The evidence in the repository: it outlives Temporal's history. */
export async function restoreShow(globals: GlobalOptions, run: string): Promise<void> {
  await withParts(globals, async ({ repository: open }) => {
    const repository = await open();
    const type = run.split('/')[0] ?? '';
    const report = await repository.getReport(type, run);
    if (report === undefined) {
      const known = (await repository.listReports()).map(({ id }) => id).slice(0, 10);
      throw new LifeboatError('NotFound', `the repository holds no report of \`${run}\``, {
        hint: known.length === 0 ? 'no run has ended yet' : `newest: ${known.join(', ')}`,
      });
    }
    if (globals.output === 'json') return printJson(report);
    const steps = Array.isArray(report.steps)
      ? (report.steps as { id: string; state: string; seconds: number; note?: string }[])
      : [];
    const fields = ['state', 'text', 'backup', 'startedAt', 'endedAt', 'requestedBy', 'reason'].filter(
      (key) => report[key] !== undefined && report[key] !== '',
    );
    print(
      [
        run,
        ...fields.map((key) => `  ${key.padEnd(12)} ${textOf(report[key])}`),
        '',
        table(
          ['STEP', 'STATE', 'TIME', ''],
          steps.map(({ id, state, seconds, note }) => [id, state, formatDuration(seconds), note ?? '']),
        ),
      ].join('\n'),
    );
  });
}

async function planHere({ appliance, repository: open, driver }: Parts, options: SelectOptions): Promise<RestorePlan> {
  const repository = await open();
  const manifest = await repository.findManifest(options.at);
  const chosen = selected(options);
  const records = manifest.lifeboat.components.filter(
    ({ id }) =>
      (chosen.length === 0 || chosen.includes(id)) && appliance.components.some((component) => component.id === id),
  );
  const targets = await Promise.all(
    records.map(async ({ id }) => describeTarget(driver(id), await recordOf(repository, manifest.timestamp, id))),
  );
  return makePlan({
    appliance,
    manifest,
    targets: targets.flat(),
    chosen,
    now: new Date(),
    stopFirst: options.stopFirst ?? false,
    replaceDamaged: options.replaceDamaged ?? false,
  });
}

const selected = ({ components }: SelectOptions): string[] => listOf(components?.join(','));

/** The appliance's name, given or typed. Typing shows the plan first. */
async function confirmed(globals: GlobalOptions, appliance: Appliance, options: StartOptions): Promise<string> {
  if (options.confirm !== undefined) {
    if (options.confirm === appliance.name) return options.confirm;
    throw new LifeboatError(
      'Precondition',
      `--confirm \`${options.confirm}\` is not the name of this appliance, \`${appliance.name}\`; nothing was started`,
    );
  }
  await withParts(globals, async (parts) => say(planText(await planHere(parts, options))));
  if (!process.stdin.isTTY) {
    throw new LifeboatError(
      'Precondition',
      'a restore changes the appliance and was not confirmed; nothing was started',
      { hint: `add --confirm ${appliance.name}` },
    );
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const typed = await prompt.question(`type \`${appliance.name}\` to begin: `);
  prompt.close();
  if (typed.trim() !== appliance.name) throw new LifeboatError('Aborted', 'not confirmed; nothing was started');
  return appliance.name;
}

function report(globals: GlobalOptions, result: RestoreResult): void {
  if (globals.output === 'json') printJson(result);
  else if (result.state === 'planned') print(planText(result.plan));
  else {
    const held = result.probes.filter(({ ok }) => ok).length;
    print(`restored ${result.id} in ${formatDuration(result.seconds)}: ${held} of ${result.probes.length} probes hold`);
    result.safetyCopies.forEach((path) => print(`old data kept at ${path}`));
    if (result.backupWorkflowId !== '') print(`full backup started: ${result.backupWorkflowId}`);
  }
  if (result.rtoBreached) process.exitCode = exit.deadline;
}

/** The newest open run whose id begins so. */
async function newestRun(client: Client, appliance: Appliance, prefix = ''): Promise<string> {
  const newest = (await openRuns(client, appliance)).find(({ workflowId }) => workflowId.startsWith(prefix));
  if (newest === undefined)
    throw new LifeboatError('NotFound', `no ${prefix === '' ? 'run' : 'restore'} of ${appliance.name} is open`, {
      hint: 'past runs: `lifeboat restore show RUN`',
    });
  return newest.workflowId;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
