/** Runs a peer's command to its end and takes its time. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { LifeboatError } from '../src/domain/errors.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment; secrets go here, never into arguments. */
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes besides 0 that are no failure. */
  readonly accepts?: readonly number[];
}

export interface Finished {
  readonly seconds: number;
  readonly stdout: string;
}

/** The documents' pipeline takes under two minutes on the medium appliance; what takes half an hour hangs. */
const longestMs = 1_800_000;

/** EngineFailed with the end of stderr. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Finished> {
  const began = performance.now();
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: longestMs,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve(exit ?? (signal === null ? -1 : 128)));
  });
  const seconds = (performance.now() - began) / 1000;
  if (code !== 0 && !(options.accepts ?? []).includes(code)) {
    throw new LifeboatError(
      'EngineFailed',
      `\`${file} ${args.slice(0, 3).join(' ')}\` ended with ${code}: ${stderr.trim().slice(-1500)}`,
    );
  }
  return { seconds, stdout };
}

/** A script of the shell that stops at the first failure, in pipes too. */
export async function runScript(script: string, options: CommandOptions = {}): Promise<Finished> {
  return runCommand('bash', ['-euo', 'pipefail', '-c', script], options);
}

/** Path of a command, or undefined. */
export function findCommand(name: string): string | undefined {
  for (const folder of [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/bin',
    '/usr/local/bin',
    '/opt/homebrew/bin',
  ]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Looked for in the next folder.
    }
  }
  return undefined;
}
