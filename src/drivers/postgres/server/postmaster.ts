/** Finds the server that runs on a data directory, before its files are moved, and ends what killed attempts left running. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isHidden, isThere } from '../../../programs/process-identity.ts';

/** How long a server may take to end after SIGQUIT before it is killed. */
const quitTimeoutMs = 5_000;

/** Pid of the server that runs on the directory; undefined where none does. A stale postmaster.pid counts as none. */
export async function runningPostmaster(dataDirectory: string): Promise<number | undefined> {
  const pid = await namedPid(dataDirectory);
  if (pid === undefined) return undefined;
  return isHidden(pid) || isPostgres(pid) ? pid : undefined;
}

/** Ends a private server that a killed attempt left behind. Returns when its process is gone. */
export async function endLeftover(dataDirectory: string): Promise<void> {
  const pid = await namedPid(dataDirectory);
  if (pid === undefined || !isPostgres(pid)) return;
  signal(pid, 'SIGQUIT');
  const deadline = performance.now() + quitTimeoutMs;
  while (isPostgres(pid)) {
    if (performance.now() > deadline) signal(pid, 'SIGKILL');
    await delay(20);
  }
}

async function namedPid(dataDirectory: string): Promise<number | undefined> {
  const text = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  // A server running on its own (single-user) writes its pid negative.
  const pid = Math.abs(Number(text.split('\n', 1)[0]));
  return Number.isSafeInteger(pid) && pid !== 0 ? pid : undefined;
}

/** By its command: a recycled pid belongs to something else. */
function isPostgres(pid: number): boolean {
  return isThere(pid) && /postgres|postmaster/.test(commandOf(pid) ?? '');
}

/** Undefined where the system does not tell, or there is none. A zombie has an empty command. */
function commandOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone meanwhile.
  }
}
