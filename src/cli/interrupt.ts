/** What is said when the process ends before the command: a run that goes on is named. */
import { exit } from './exit.ts';

/** Who has something to say, the newest last. */
const tellers: Teller[] = [];

let isEnding = false;

/** What is said, and done, before the process ends; it is waited for. */
type Teller = () => void | Promise<void>;

/**
 * Ends the process with 130 on Ctrl-C, with 143 on SIGTERM, after `tell`. Returns what ends the telling. The signal itself is
 * listened to until the end: one that comes while the last listener goes and the next is not there yet would be lost.
 */
export function onInterrupt(tell: Teller): () => void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    if (!process.listeners(signal).includes(interrupted)) process.on(signal, interrupted);
  tellers.push(tell);
  return () => void tellers.splice(tellers.indexOf(tell), 1);
}

/** What goes on without this process, where something does. */
export async function tellWhatGoesOn(): Promise<void> {
  await tellers.at(-1)?.();
}

/** Also for Ctrl-C at a prompt, which reads it as a key. */
export function interrupted(signal: NodeJS.Signals): void {
  const end = (): void => process.exit(signal === 'SIGTERM' ? exit.terminated : exit.interrupted);
  // Who asks a second time waits for nobody.
  if (isEnding) end();
  isEnding = true;
  void tellWhatGoesOn().then(end, end);
}
