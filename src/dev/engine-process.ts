/** One engine as a child process of demo or test, with its own log file. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { LifeboatError } from '../domain/errors.ts';
import type { OsUser } from '../platform/process/os-user.ts';
import { poll } from './poll.ts';

export interface EngineOptions {
  /** What messages call it: `PostgreSQL`. */
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly user?: OsUser | undefined;
  /** Asked for clean stop; SIGKILL follows after `stopTimeoutMs`. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  readonly stopTimeoutMs?: number;
  readonly startTimeoutMs?: number;
  /** Throws or rejects as long as the engine does not answer. */
  readonly answers: () => Promise<unknown>;
  /** A detached engine outlives this process; the others are killed when it exits. */
  readonly detached?: boolean;
}

export interface EngineProcess {
  readonly pid: number;
  /** Clean stop; returns when the process is gone. May be called twice. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would do; returns when the process is gone. */
  kill(): Promise<void>;
}

/** An engine is there within a second; this stops one that hangs, also where the cores are busy with something else. */
const defaultStartMs = 120_000;

const attached = new Set<ChildProcess>();
process.on('exit', () => attached.forEach((child) => child.kill('SIGKILL')));

/**
 * Starts an engine and waits until it answers. EngineUnavailable with the end of the log when it exits or does not
 * answer in time; nothing is left running then. An engine never runs as root.
 */
export async function startEngine(options: EngineOptions): Promise<EngineProcess> {
  refuseRoot(options.name, options.user);
  const child = spawnEngine(options);
  const running: EngineProcess = {
    pid: child.pid ?? 0,
    stop: () => stopChild(child, options.stopSignal, options.stopTimeoutMs ?? 20_000),
    kill: () => stopChild(child, 'SIGKILL', 10_000),
  };
  try {
    await untilItAnswers(child, options);
  } catch (error) {
    await running.kill();
    throw error;
  }
  return running;
}

/** Precondition when an engine would run as root: PostgreSQL refuses it, and the others would own files that no service can read. */
export function refuseRoot(engine: string, user: OsUser | undefined): void {
  if (process.getuid?.() !== 0 || user !== undefined) return;
  throw new LifeboatError('Precondition', `${engine} must not run as root`, { hint: 'run as an unprivileged user' });
}

function spawnEngine(options: EngineOptions): ChildProcess {
  const [file, ...args] = options.command;
  const log = openSync(options.logFile, 'a');
  const child = spawn(file!, args, {
    cwd: options.cwd,
    env: environmentOf(options),
    stdio: ['ignore', log, log],
    // Its own process group: Ctrl-C at the terminal reaches us, and we stop the engines in order.
    detached: true,
    ...(process.getuid?.() === 0 && options.user ? { uid: options.user.uid, gid: options.user.gid } : {}),
  });
  closeSync(log);
  child.on('error', () => {}); // A binary that cannot be started shows as a missing pid below.
  if (options.detached) child.unref();
  else {
    attached.add(child);
    child.once('exit', () => attached.delete(child));
  }
  return child;
}

/** Root's home is closed to another user; an engine that looks for its settings there would fail. */
function environmentOf(options: EngineOptions): NodeJS.ProcessEnv {
  const env = options.env ?? process.env;
  return options.user === undefined ? env : { ...env, HOME: options.cwd };
}

async function untilItAnswers(child: ChildProcess, options: EngineOptions): Promise<void> {
  const failed = (what: string, tail: string, cause?: unknown) =>
    new LifeboatError('EngineUnavailable', `${options.name} ${what}; the end of its log ${options.logFile}: ${tail}`, {
      cause,
    });
  await poll(
    async () => {
      if (child.pid === undefined || isGone(child)) throw new EngineExited();
      await options.answers();
      return true;
    },
    {
      timeoutMs: options.startTimeoutMs ?? defaultStartMs,
      givesUp: (error) => error instanceof EngineExited,
      describe: (cause) => new Error('timeout', { cause }),
    },
  ).catch(async (error: unknown) => {
    const tail = await logTail(options.logFile);
    const seconds = (options.startTimeoutMs ?? defaultStartMs) / 1000;
    if (error instanceof EngineExited)
      throw failed(`exited at its start (${child.exitCode ?? child.signalCode ?? 'not startable'})`, tail);
    throw failed(`did not answer within ${seconds} s`, tail, error);
  });
}

class EngineExited extends Error {}

function isGone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
  if (child.pid === undefined || isGone(child)) return;
  const exited = once(child, 'exit');
  child.ref();
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  await exited;
  clearTimeout(timer);
}

/** The last lines of a log, at most 2 KB: enough to see why an engine refused. */
async function logTail(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.slice(-2048).trim() || '(empty)';
}
