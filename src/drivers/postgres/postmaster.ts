/** Is a server running on a data directory? Asked before its files are moved, and of leftovers of killed attempts. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a server may take to end after SIGQUIT before it is killed. */
const quitTimeoutMs = 5_000;

/** Pid of the server that runs on the directory; undefined where none does. A stale postmaster.pid counts as none. */
export async function runningPostmaster(dataDirectory: string): Promise<number | undefined> {
  const text = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(text.split('\n', 1)[0]);
  // A server running on its own (single-user) writes its pid negative.
  const process = Math.abs(pid);
  if (!Number.isSafeInteger(process) || process === 0) return undefined;
  return isPostgres(process) ? process : undefined;
}

/** Ends a private server that a killed attempt left behind. Returns when its process is gone. */
export async function endLeftover(dataDirectory: string): Promise<void> {
  const pid = await runningPostmaster(dataDirectory);
  if (pid === undefined) return;
  signal(pid, 'SIGQUIT');
  const deadline = performance.now() + quitTimeoutMs;
  while (isPostgres(pid)) {
    if (performance.now() > deadline) signal(pid, 'SIGKILL');
    await delay(20);
  }
}

/** Alive, no zombie, and by its command a PostgreSQL server: a recycled pid belongs to something else. */
function isPostgres(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const command = commandOf(pid);
  return command === undefined || /postgres|postmaster/.test(command);
}

/** Undefined where the system does not tell. An ended process has an empty command. */
function commandOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return process.platform === 'linux' ? '' : undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone meanwhile.
  }
}
