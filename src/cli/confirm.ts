/** What changes the appliance needs its name, given or typed. */
import { createInterface } from 'node:readline';
import type { Appliance } from '../domain/appliance.ts';
import { LifeboatError } from '../domain/errors.ts';
import { show } from './output/speak.ts';
import { interrupted, onInterrupt } from './interrupt.ts';

/** Precondition for another name than the appliance's. */
export function requireName({ name }: Appliance, given: string | undefined): void {
  if (given === undefined || given === name) return;
  throw new LifeboatError(
    'Precondition',
    `--confirm \`${given}\` is not the name of this appliance; nothing was started`,
    { hint: `it is \`${name}\`; did you take the right configuration?` },
  );
}

/** Precondition where nobody is there who could type it. */
export function requireTerminal({ name }: Appliance, plan: string): void {
  if (process.stdin.isTTY) return;
  show(`${plan}\n`);
  throw new LifeboatError(
    'Precondition',
    'a restore changes the appliance and was not confirmed; nothing was started',
    { hint: `add --confirm ${name}` },
  );
}

/** Shows what would be done and lets the name be typed. `onLeave` is waited for before Ctrl-C or SIGTERM end the process. */
export async function askForName(
  appliance: Appliance,
  plan: string,
  onLeave: () => Promise<void> = async () => undefined,
): Promise<string> {
  const { name } = appliance;
  requireTerminal(appliance, plan);
  show(`${plan}\n`);
  const typed = await ask(`type ${name} to begin, anything else to leave: `, onLeave);
  if (typed.trim() === name) return name;
  throw new LifeboatError('Aborted', 'not confirmed; nothing is changed', {
    hint: `type ${name} exactly, or give --confirm ${name}`,
  });
}

/** One typed line; empty at the end of input. */
async function ask(question: string, onLeave: () => Promise<void>): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const stopListening = onInterrupt(async () => {
    process.stderr.write('\nnothing is changed\n');
    await onLeave();
  });
  return new Promise((resolve) => {
    prompt.on('SIGINT', () => interrupted('SIGINT'));
    prompt.on('close', () => {
      stopListening();
      process.stderr.write('\n');
      resolve('');
    });
    prompt.question(question, (answer) => {
      resolve(answer);
      prompt.close();
    });
  });
}
