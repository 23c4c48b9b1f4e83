/** The two ways to speak: talk on stderr, data on stdout. */
import { columnsOf } from './redraw.ts';
import { wrap } from './wrap.ts';

/** Talk: on stderr, wrapped where a terminal shows it. */
export function say(text: string): void {
  process.stderr.write(`${wrap(text, columnsOf(process.stderr), '  ')}\n`);
}

/** Talk that is laid out for 80 columns already. */
export function show(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A command to be copied: never broken into lines. */
export function sayCommand(command: string): void {
  process.stderr.write(`  ${command}\n`);
}

/** Data: on stdout, as it is. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}
