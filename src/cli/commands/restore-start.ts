/** `lifeboat restore start`: shows the plan, asks for the appliance's name, starts the run and watches it. */
import { createInterface } from 'node:readline';
import type { Client } from '@temporalio/client';
import { runUrl, withClient } from '../../client/connection.ts';
import { openRuns, startRun } from '../../client/runs.ts';
import { requireWorker } from '../../client/workers.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { formatDuration } from '../../domain/duration.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { isBackupWorkflow } from '../../domain/recovery-point.ts';
import { goalOf } from '../../operations/choose-artefacts.ts';
import type { RestoreResult } from '../../../workflows/messages.ts';
import { commandOf, loadAppliance, print, printJson, say, withParts, type GlobalOptions } from '../context.ts';
import { exit } from '../exit.ts';
import { planText } from '../output/plan.ts';
import { requestedBy } from '../requested-by.ts';
import { goesOn, onInterrupt, watchRun } from '../watch.ts';
import { goalWords, planHere, restorableOf, type SelectOptions } from './restore-plan.ts';

export interface StartOptions extends SelectOptions {
  readonly reason?: string;
  readonly confirm?: string;
  readonly keepNew?: boolean;
  readonly disasterAt?: string;
  readonly detach?: boolean;
}

export async function restoreStart(globals: GlobalOptions, options: StartOptions): Promise<void> {
  const appliance = await loadAppliance(globals);
  requireTime(options.disasterAt);
  goalOf(options);
  requireName(appliance, options.confirm);
  const components = await withParts(globals, async (parts) => restorableOf(parts, options));
  await withClient(appliance, async (client) => {
    await requireWorker(client, appliance);
    await requireFree(client, appliance);
    // Who confirmed what was shown gets that, although a newer point may be sealed by now.
    const { confirm, at } =
      options.confirm === undefined
        ? await askForName(globals, appliance, options)
        : { confirm: options.confirm, at: options.at };
    const { toTime, toLsn, toName, toLatest } = options;
    const input = {
      at,
      ...(options.from === undefined ? {} : { from: options.from }),
      ...(toTime === undefined ? {} : { toTime }),
      ...(toLsn === undefined ? {} : { toLsn }),
      ...(toName === undefined ? {} : { toName }),
      ...(toLatest === undefined ? {} : { toLatest }),
      components,
      reason: options.reason ?? '',
      confirm,
      stopFirst: options.stopFirst ?? false,
      replaceDamaged: options.replaceDamaged ?? false,
      keepNew: options.keepNew ?? false,
      requestedBy: requestedBy(),
      ...(options.disasterAt === undefined ? {} : { disasterAt: options.disasterAt }),
    };
    const goal = goalWords(options);
    const where = options.from === undefined ? '' : ` in ${options.from}`;
    const summary = `restore of ${appliance.name} ${goal === '' ? `from ${at}` : goal}${where}, asked by ${requestedBy()}${options.reason === undefined ? '' : `: ${options.reason}`}`;
    const workflowId = await startAndTell(globals, appliance, (onStarted) =>
      startRun(client, appliance, 'restore', input, summary, onStarted),
    );
    if (options.detach === true) return print(workflowId);
    restored(
      globals,
      await watchRun<RestoreResult>(client, workflowId, { again: commandOf(globals, `restore watch ${workflowId}`) }),
    );
  });
}

/** Starts a run and prints its id at once; who interrupts from then on is told it again. */
export async function startAndTell(
  globals: GlobalOptions,
  appliance: Appliance,
  start: (onStarted: (workflowId: string) => void) => Promise<unknown>,
): Promise<string> {
  let id = '';
  let stopListening = (): void => undefined;
  try {
    await start((workflowId) => {
      id = workflowId;
      // First: who has read the id may interrupt.
      stopListening = onInterrupt(() => goesOn(workflowId, commandOf(globals, `restore watch ${workflowId}`)));
      say(`${workflowId}\n  ${runUrl(appliance, workflowId)}`);
    });
    return id;
  } finally {
    stopListening();
  }
}

/** The end of a restore as people and scripts read it. */
export function restored(globals: GlobalOptions, result: RestoreResult): void {
  if (globals.output === 'json') printJson(result);
  else if (result.state === 'planned') print(planText({ plan: result.plan, notHeld: [], passedOver: [] }));
  else {
    const held = result.probes.filter(({ ok }) => ok).length;
    print(`restored ${result.id} in ${formatDuration(result.seconds)}: ${held} of ${result.probes.length} probes hold`);
    result.safetyCopies.forEach((path) => print(`old data kept at ${path}`));
    if (result.backupWorkflowId !== '') print(`full backup started: ${result.backupWorkflowId}`);
  }
  if (result.rtoBreached) {
    say('the RTO was breached');
    process.exitCode = exit.deadline;
  }
}

function requireTime(text: string | undefined): void {
  if (text === undefined || !Number.isNaN(Date.parse(text))) return;
  throw new LifeboatError('InputInvalid', `--disaster-at \`${text}\` is not a time`, {
    hint: 'write for example 2026-11-22T03:00:00Z',
  });
}

function requireName({ name }: Appliance, given: string | undefined): void {
  if (given === undefined || given === name) return;
  throw new LifeboatError(
    'Precondition',
    `--confirm \`${given}\` is not the name of this appliance; nothing was started`,
    { hint: `it is \`${name}\`; did you take the right configuration?` },
  );
}

/** Two restores never run at once; the lock holds that too, but a person should know before typing. */
async function requireFree(client: Client, appliance: Appliance): Promise<void> {
  const open = await openRuns(client, appliance);
  const restore = open.find(({ type }) => type === 'restore');
  if (restore !== undefined) {
    throw new LifeboatError('LockHeld', `the appliance is held by ${restore.workflowId}; nothing was started`, {
      hint: `\`lifeboat restore watch ${restore.workflowId}\`, or end it with \`lifeboat restore abort ${restore.workflowId} --reason …\``,
    });
  }
  const backup = open.find(({ type }) => isBackupWorkflow(type));
  if (backup !== undefined) say(`the restore will cancel ${backup.workflowId}`);
}

/** Shows the plan and lets the name be typed; gives the recovery point that was shown. */
async function askForName(
  globals: GlobalOptions,
  { name }: Appliance,
  options: StartOptions,
): Promise<{ confirm: string; at: string }> {
  const view = await withParts(globals, async (parts) => planHere(parts, options));
  say(planText(view));
  say('');
  if (!process.stdin.isTTY) {
    throw new LifeboatError(
      'Precondition',
      'a restore changes the appliance and was not confirmed; nothing was started',
      { hint: `add --confirm ${name}` },
    );
  }
  const typed = await ask(`type ${name} to begin, anything else to leave: `);
  // A moment is not bound to the recovery point that was shown: by now a newer one may lie before it.
  const at = goalWords(options) === '' ? view.plan.backupId : options.at;
  if (typed.trim() === name) return { confirm: name, at };
  throw new LifeboatError('Aborted', 'not confirmed; nothing was started', {
    hint: `type ${name} exactly, or give --confirm ${name}`,
  });
}

/** One typed line; empty at the end of input. Ctrl-C ends the process with 130. */
async function ask(question: string): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    prompt.on('SIGINT', () => {
      process.stderr.write('\nnothing was started\n');
      process.exit(exit.interrupted);
    });
    prompt.on('close', () => {
      process.stderr.write('\n');
      resolve('');
    });
    prompt.question(question, (answer) => {
      resolve(answer);
      prompt.close();
    });
  });
}
