/** What changes the appliance needs its name, given or typed. */
import { createInterface } from 'node:readline';
import type { Client } from '@temporalio/client';
import { openRuns } from '../client/runs.ts';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import { isBackupWorkflow } from '../domain/recovery-point.ts';
import { say, show } from './output/speak.ts';
import { exit } from './exit.ts';

/** Precondition for another name than the appliance's. */
export function requireName({ name }: Appliance, given: string | undefined): void {
  if (given === undefined || given === name) return;
  throw new LifeboatError(
    'Precondition',
    `--confirm \`${given}\` is not the name of this appliance; nothing was started`,
    { hint: `it is \`${name}\`; did you take the right configuration?` },
  );
}

/** Two restores never run at once; the lock holds that too, but a person should know before typing. */
export async function requireFree(client: Client, appliance: Appliance): Promise<void> {
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

/** Shows what would be done and lets the name be typed. */
export async function askForName({ name }: Appliance, plan: string): Promise<string> {
  show(`${plan}\n`);
  if (!process.stdin.isTTY) {
    throw new LifeboatError(
      'Precondition',
      'a restore changes the appliance and was not confirmed; nothing was started',
      { hint: `add --confirm ${name}` },
    );
  }
  const typed = await ask(`type ${name} to begin, anything else to leave: `);
  if (typed.trim() === name) return name;
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
