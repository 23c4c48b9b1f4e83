/** A worker as its own process, as a user runs it: `lifeboat worker`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { LifeboatError } from '../../domain/errors.ts';
import { poll } from '../poll.ts';

export const cliScript = fileURLToPath(new URL('../../cli/main.mjs', import.meta.url));

export interface WorkerProcess {
  readonly pid: number;
  readonly logFile: string;
  /** SIGTERM, and waits for the end. May be called again. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
}

/** Stops a worker that hangs; on busy cores one takes half a minute. */
const readyMs = 180_000;

/** Resolves when the worker polls its queues. */
export async function startWorkerProcess(
  configFile: string,
  logFile: string,
  env: Readonly<Record<string, string>> = {},
): Promise<WorkerProcess> {
  const log = await open(logFile, 'a', 0o640);
  const from = (await log.stat()).size;
  const child = spawn(process.execPath, [cliScript, '--config', configFile, 'worker'], {
    stdio: ['ignore', log.fd, log.fd],
    env: { ...process.env, ...env },
  });
  await log.close();
  const said = async (): Promise<string> => (await readFile(logFile, 'utf8')).slice(from);
  await poll(
    async () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new LifeboatError('ServiceFailed', `the worker ended at once: ${(await said()).slice(-500)}`);
      }
      return (await said()).includes(' runs; stop it') ? true : undefined;
    },
    {
      timeoutMs: readyMs,
      givesUp: () => true,
      describe: () =>
        new LifeboatError('ServiceFailed', `the worker was not ready after ${readyMs / 1000} s, see ${logFile}`),
    },
  );
  return {
    pid: child.pid ?? 0,
    logFile,
    stop: async () => end(child, 'SIGTERM'),
    kill: async () => end(child, 'SIGKILL'),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}
