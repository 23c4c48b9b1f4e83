/** A component of two live paths with old data, and staged new data, in each way in which a path can be switched. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeStaging, stagingPath } from '../../../src/drivers/swap/staging.ts';
import type { Attempt } from './attempt.ts';
import type { FencingToken } from '../../../src/domain/fencing-token.ts';
import { swapState, type SwapState } from '../../../src/drivers/swap/swap.ts';
import type { SwapPair, SwapTarget } from '../../../src/drivers/swap/target-types.ts';
import { settleJournal, underLease } from '../../../src/drivers/swap/work.ts';

export const component = 'sample';
export const modes = ['rename', 'absent', 'file', 'exchange', 'pointer'] as const;

export function token(attempt: number, runId = 'run-1', lockStart = '2026-01-01T00:00:00.000Z'): FencingToken {
  return { lockStart, runId, attempt };
}

export interface Fixture {
  readonly pairs: readonly SwapPair[];
  readonly lives: readonly string[];
  /** `old`, `new`, or what else was found: the content of all live paths. */
  readonly state: () => Promise<string>;
}

/** Two pairs; the second is a plain folder, so that every mode is seen together with another. */
export async function makeFixture(
  folder: string,
  mode: (typeof modes)[number],
  staging = token(1000),
): Promise<Fixture> {
  const lives = [join(folder, 'first', 'data'), join(folder, 'second', 'data')];
  await mkdir(join(folder, 'first'), { recursive: true });
  await makeOld(folder, lives[0] ?? '', mode);
  await makeTree(lives[1] ?? '', 'old');
  const pairs: SwapPair[] = [];
  for (const [number, live] of lives.entries()) {
    const staged =
      mode === 'file' && number === 0
        ? await stagingPath(live, component, staging)
        : await makeStaging(live, component, staging);
    if (mode === 'file' && number === 0) await writeFile(staged, 'new\n');
    else await makeTree(staged, 'new');
    pairs.push({ live, staged });
  }
  const state = async (): Promise<string> => {
    const found = await Promise.all(lives.map(contentOf));
    if (mode === 'absent' && found[0] === 'absent' && found[1] === 'old') return 'old';
    return found[0] === found[1] ? (found[0] ?? '') : `mixed: ${found.join(', ')}`;
  };
  return { pairs, lives, state };
}

async function makeOld(folder: string, live: string, mode: (typeof modes)[number]): Promise<void> {
  if (mode === 'absent') return;
  if (mode === 'file') return writeFile(live, 'old\n');
  if (mode === 'pointer') {
    await makeTree(join(folder, 'elsewhere', 'data-v1'), 'old');
    return symlink('../elsewhere/data-v1', live);
  }
  await makeTree(live, 'old');
  // Without the right to rename inside the parent, only the children can be exchanged.
  if (mode === 'exchange') await chmod(dirname(live), 0o500);
}

async function makeTree(path: string, content: string): Promise<void> {
  await mkdir(join(path, 'inner'), { recursive: true });
  await writeFile(join(path, `${content}-only`), `${content}\n`);
  await writeFile(join(path, 'both'), `${content}\n`);
  await writeFile(join(path, 'inner', 'file'), `${content}\n`);
}

async function contentOf(path: string): Promise<string> {
  const stats = await stat(path).catch(() => undefined); // a link that leads nowhere is absent, too
  if (stats === undefined) return 'absent';
  if (stats.isFile()) return (await readFile(path, 'utf8')).trim();
  const names = (await readdir(path)).filter((name) => !name.startsWith('.lifeboat-')).toSorted();
  const content = (await readFile(join(path, 'both'), 'utf8').catch(() => 'nothing')).trim();
  const inner = (await readFile(join(path, 'inner', 'file'), 'utf8').catch(() => 'nothing')).trim();
  const isWhole = names.join() === ['both', 'inner', `${content}-only`].toSorted().join() && inner === content;
  return isWhole ? content : `torn: ${names.join(' ')}`;
}

export interface AttemptProcess {
  readonly pid: number;
  /** How it ended: `done`, the name of its error, or the signal. */
  readonly ended: Promise<string>;
}

export function startAttempt(attempt: Attempt): AttemptProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'attempt.ts'), JSON.stringify(attempt)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = once(child, 'close').then(([code, signal]: unknown[]) =>
    signal === null ? (code === 0 ? 'done' : text.trim()) : (signal as string),
  );
  return { pid: child.pid ?? 0, ended };
}

/** Until the process stands still (SIGSTOP). */
export async function isStopped(pid: number): Promise<true | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T') ? true : undefined;
}

/** What a swap that was killed comes to when the next one finds it. */
export async function settled(target: SwapTarget): Promise<SwapState> {
  await underLease(target, settleJournal);
  return swapState(target);
}
