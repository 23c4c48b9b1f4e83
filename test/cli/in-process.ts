/** One invocation of the command line in this process: its second start costs nothing. */
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../src/cli/command-line.ts';

export const program = fileURLToPath(new URL('../../src/cli/main.mjs', import.meta.url));

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Working directory, environment, streams and exit code belong to the whole process: one invocation at a time has them. */
let last: Promise<unknown> = Promise.resolve();

export async function runInProcess(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Said> {
  const turn = last.then(async () => invoke(args, cwd, env));
  last = turn.catch(() => undefined);
  return turn;
}

async function invoke(args: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Promise<Said> {
  const before = { cwd: process.cwd(), env: { ...process.env }, argv: process.argv, exitCode: process.exitCode };
  const stdout = listenTo(process.stdout);
  const stderr = listenTo(process.stderr);
  try {
    process.chdir(cwd);
    replaceEnvironment(env);
    // Units and the worker of `--standalone` are told how this program was called.
    process.argv = [process.execPath, program, ...args];
    process.exitCode = undefined;
    await runCommandLine(args);
    return { code: Number(process.exitCode ?? 0), stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    stdout.end();
    stderr.end();
    process.exitCode = before.exitCode;
    process.argv = before.argv;
    replaceEnvironment(before.env);
    process.chdir(before.cwd);
  }
}

function replaceEnvironment(env: Readonly<NodeJS.ProcessEnv>): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
}

function listenTo(stream: NodeJS.WriteStream) {
  let text = '';
  const write = Reflect.get(stream, 'write') as NodeJS.WriteStream['write'];
  stream.write = (chunk: string | Uint8Array, ...more: unknown[]): boolean => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const done = more.find((each) => typeof each === 'function');
    if (done !== undefined) (done as () => void)();
    return true;
  };
  return { text: () => text, end: () => void (stream.write = write) };
}
