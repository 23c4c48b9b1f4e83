/** Processes that outlive the command that starts them, known by number and command line. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { LifeboatError } from '../domain/errors.ts';

/** Outlives this process. */
export function startDetached([file = '', ...args]: readonly string[], logFile: string): number {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(file, args, { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  child.on('error', () => undefined); // No pid: seen as ended at once.
  child.unref();
  return child.pid ?? 0;
}

/** SIGTERM; SIGKILL after `ms`. Returns when it is gone. */
export async function stopDetached(pid: number, marker: string, ms: number): Promise<void> {
  if (!(await isAlive(pid, marker))) return;
  process.kill(pid, 'SIGTERM');
  for (const last = Date.now() + ms; await isAlive(pid, marker); await delay(100))
    if (Date.now() > last) process.kill(pid, 'SIGKILL');
}

/** SIGTERM, for who has no time to wait. */
export function endAtOnce(...pids: readonly number[]): void {
  for (const pid of pids.filter((each) => each > 0))
    try {
      process.kill(pid, 'SIGTERM');
    } catch {
      // It is gone.
    }
}

/** Numbers of the processes whose command line holds the marker, as far as we may see them. */
export async function processesWith(marker: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (text.includes(marker)) found.push(pid);
  }
  return found;
}

/** A program that is being exchanged for another shows no command line for a moment. */
const execTries = 100;

/** Whether it is still the process whose command line holds the marker: numbers of processes come again. */
export async function isAlive(pid: number, marker: string): Promise<boolean> {
  if (pid === 0) return false;
  for (let more = execTries; more > 0; more -= 1) {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (text !== '') return text.includes(marker);
    if (!(await isRunning(pid))) return false;
    await delay(10);
  }
  return false;
}

/** One that ended and that nobody has asked about yet counts as gone. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name before it may hold anything.
  const state = stat.at(stat.lastIndexOf(')') + 2) ?? '';
  return state !== '' && !'ZX'.includes(state);
}

export interface Awaited {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly ms: number;
  readonly isThere: () => Promise<boolean>;
}

/** Unreachable with the end of its log where it ends before, or takes too long. */
export async function untilReady({ name, pid, logFile, ms, isThere }: Awaited): Promise<void> {
  for (const last = Date.now() + ms; !(await isThere().catch(() => false)); await delay(200)) {
    const isGone = !(await isAlive(pid, ''));
    if (!isGone && Date.now() < last) continue;
    const log = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n').slice(-3).join('\n');
    throw new LifeboatError(
      'Unreachable',
      `${name} ${isGone ? 'ended at once' : `does not answer after ${ms / 1000} s`}`,
      {
        hint: `see ${logFile}:\n${log.slice(-600)}`,
      },
    );
  }
}
