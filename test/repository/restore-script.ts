/** Runs the `restore.sh` of a repository as a person does who has nothing of Lifeboat. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { describeTree } from './backup.ts';

export interface ScriptOptions {
  /** `sh` by default. */
  readonly shell?: readonly [program: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ScriptResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The shells of this machine on which it must run. */
export const shells: readonly (readonly [program: string, ...args: string[]])[] = (
  [['dash'], ['bash'], ['busybox', 'sh']] as const
).filter(([program]) => (process.env['PATH'] ?? '').split(delimiter).some((each) => existsSync(join(each, program))));

/** Rejects where the exit code is not 0. `repository` is its folder. */
export async function runScript(
  repository: string,
  args: readonly string[],
  { shell: [program, ...before] = ['sh'], env = {} }: ScriptOptions = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return promisify(execFile)(program, [...before, join(repository, 'restore.sh'), ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    maxBuffer: 2 ** 26,
  });
}

/** The same, whatever the exit code is. */
export async function tryScript(
  repository: string,
  args: readonly string[],
  options: ScriptOptions = {},
): Promise<ScriptResult> {
  try {
    return { code: 0, ...(await runScript(repository, args, options)) };
  } catch (error) {
    return error as ScriptResult;
  }
}

let files = 0;

/** A file with a key or a passphrase, in `folder`. */
export async function secretFile(folder: string, text: string): Promise<string> {
  files += 1;
  const path = join(folder, `secret-${files}`);
  await writeFile(path, text);
  return path;
}

/** As `describeTree`, with names that can be read and without the times of folders, of which an index need not know. */
export async function contentsOf(root: string): Promise<string[]> {
  const lines = await describeTree(root);
  return lines.map((line) => {
    const [path = '', kind = '', mode = '', time = '', ...rest] = line.split(' ');
    return [Buffer.from(path, 'base64').toString('latin1'), kind, mode, kind === 'folder' ? '' : time, ...rest].join(
      ' ',
    );
  });
}
