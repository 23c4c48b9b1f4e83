/** Runs the command by which an application builds its store anew, with all that it starts. */
import { spawn } from 'node:child_process';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { startProblem } from '../../programs/missing.ts';

/** What it says is kept for an error only. */
const tailCharacters = 2000;
const killAfterMs = 5000;

/** EngineFailed where it cannot be run, fails, or takes too long; it and its children are ended then, and on an abort. */
export async function askApplication(
  component: string,
  { command, timeoutSeconds }: NonNullable<VectorstoreConfig['rebuild']>,
  signal: AbortSignal,
): Promise<void> {
  const [file = '', ...args] = command;
  signal.throwIfAborted();
  // A group of its own, so that what a script started ends with it.
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let tail = '';
  const keep = (chunk: Buffer): void => void (tail = `${tail}${chunk.toString()}`.slice(-tailCharacters));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let isLate = false;
  const end = (): void => {
    signalGroup(child.pid, 'SIGTERM');
    setTimeout(() => signalGroup(child.pid, 'SIGKILL'), killAfterMs).unref();
  };
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeoutSeconds * 1000);
  signal.addEventListener('abort', end, { once: true });
  // `exit`, not `close`: a child of it may hold its output for longer.
  const why = await new Promise<string>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(startProblem(file, error.code)));
    child.once('exit', (code, name) => resolve(code === 0 ? '' : `exit code ${code ?? name ?? 'none'}`));
  });
  clearTimeout(timer);
  signal.removeEventListener('abort', end);
  child.stdout.destroy();
  child.stderr.destroy();
  signal.throwIfAborted();
  if (why === '') return;
  const said = tail.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  // Its arguments may hold secrets.
  throw new LifeboatError(
    'EngineFailed',
    `the rebuild command of ${component} (${file}) failed: ${isLate ? `no end within ${timeoutSeconds} s` : why}; ${said}`,
    { component, hint: 'run it by hand on this host; the application must be up' },
  );
}

function signalGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // All of it has ended.
  }
}
