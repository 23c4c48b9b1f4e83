/** A command on a terminal of its own, as a person has it: `script` makes it, types what is typed and shows what is shown. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'vitest';
import { environment } from './transcript.ts';
import { program } from './in-process.ts';

export interface Terminal {
  /** All that was shown so far, without escape codes. */
  shown(): string;
  /** Waits until it is shown. */
  shows(text: RegExp): Promise<void>;
  type(text: string): void;
  /** Sends the signal to the command itself, not to its terminal. */
  signal(name: NodeJS.Signals): Promise<void>;
  /** The command's exit code. */
  readonly ended: Promise<number>;
}

export const ctrlC = '\u0003';

export function onTerminal(args: readonly string[], cwd: string): Terminal {
  const words = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qefc', `exec ${words}`, '/dev/null'], {
    cwd,
    env: { ...environment({ cwd }), SHELL: '/bin/sh', TERM: 'xterm' },
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const shown = (): string => stripVTControlCharacters(text);
  return {
    shown,
    shows: async (expected) => expect.poll(shown, { interval: 50 }).toMatch(expected),
    type: (typed) => void child.stdin.write(typed),
    signal: async (name) => {
      const { pid } = child;
      const [command] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
      process.kill(Number(command), name);
    },
    ended: new Promise((resolve) => child.on('close', (code) => resolve(code ?? -1))),
  };
}
