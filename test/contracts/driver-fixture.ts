/** What the driver contract suite needs besides the driver: a repository, tokens, contexts, attempts as processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isFailed } from '../../src/domain/probes.ts';
import type { ComponentRecord, ProbeResult } from '../../src/domain/recovery-point.ts';
import type { Driver, RestoreContext } from '../../src/drivers/driver.ts';
import { poll } from '../../src/dev/poll.ts';
import { captureComponent } from '../../src/operations/backup/capture-component.ts';
import { initRepository } from '../../src/repository/init.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import type { DriverAttempt } from './driver-attempt.ts';
import type { FencingToken } from '../../src/domain/fencing-token.ts';

export const contractKey = new Uint8Array(32).fill(7);

export async function makeRepository(root: string): Promise<Repository> {
  const { repository } = await initRepository(createLocalStorage(root), { mode: 'key', key: contractKey });
  return repository;
}

export function token(attempt: number, lockStart = '2026-01-01T00:00:00.000Z'): FencingToken {
  return { lockStart, runId: `run-of-${lockStart}`, attempt };
}

let captures = 0;

export async function capture(
  driver: Driver,
  repository: Repository,
  previous?: ComponentRecord,
): Promise<ComponentRecord> {
  const backupId = await repository.reserve(new Date(), `contract-${captures++}`);
  const signal = new AbortController().signal;
  return captureComponent({
    repository,
    driver,
    host: 'main',
    backupId,
    previous,
    resumePacks: [],
    onProgress: () => {},
    signal,
  });
}

export interface ContextOptions {
  readonly repository: Repository;
  readonly record: ComponentRecord;
  readonly token: FencingToken;
  readonly staged?: FencingToken;
  readonly replaceDamaged?: boolean;
}

export function contextOf({
  repository,
  record,
  token: own,
  staged = own,
  replaceDamaged = false,
}: ContextOptions): RestoreContext {
  return {
    repository,
    record,
    token: own,
    staged,
    replaceDamaged,
    onProgress: () => {},
    signal: new AbortController().signal,
  };
}

/** The results that do not hold, for a readable failure. */
export function broken(results: readonly ProbeResult[]): readonly ProbeResult[] {
  return results.filter(isFailed);
}

export interface RunningAttempt {
  readonly pid: number;
  /** `done`, the name of its error, or the signal. */
  readonly ended: Promise<string>;
}

export function startAttempt(attempt: DriverAttempt): RunningAttempt {
  const script = join(import.meta.dirname, 'driver-attempt.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(attempt)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaint += chunk));
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => {
    if (signal !== null) return signal as string;
    return code === 0 ? 'done' : text.trim() || complaint;
  });
  return { pid: child.pid ?? 0, ended };
}

export async function untilStopped({ pid }: RunningAttempt): Promise<void> {
  const isStopped = async (): Promise<true | undefined> => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T') ? true : undefined;
  };
  await poll(isStopped, { timeoutMs: 120_000, intervalMs: 10, describe: () => new Error('the attempt did not stop') });
}
