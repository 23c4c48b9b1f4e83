import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { spawnGuarded, type GuardedOptions } from '../../src/platform/process/guarded-child.ts';

const module = join(import.meta.dirname, '../../src/platform/process/guarded-child.ts');

function optionsOf(script: string, fields: Partial<GuardedOptions> = {}): GuardedOptions {
  return {
    command: ['/bin/sh', '-c', script],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    output: ['pipe', 'pipe'],
    user: undefined,
    lastSignal: 'TERM',
    ...fields,
  };
}

/** Pid of a program whose parent was killed once it said that it is ready. */
async function orphan(options: GuardedOptions): Promise<number> {
  const text = `
    const { spawnGuarded } = await import(${JSON.stringify(module)});
    const child = spawnGuarded(${JSON.stringify(options)});
    child.stdout.once('data', () => console.log(child.pid));
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '--no-warnings', '-e', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = (await once(parent.stdout, 'data')) as [Buffer];
  parent.kill('SIGKILL');
  await once(parent, 'close');
  return Number(pid.toString());
}

async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

/** Processes of a program's group: the watcher is one of them. */
async function watchersOf(pid: number): Promise<string[]> {
  const listing = spawn('ps', ['-eo', 'pgid=,args='], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  listing.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(listing, 'close');
  const lines = Buffer.concat(chunks).toString().split('\n');
  return lines.filter((line) => new RegExp(`^\\s*${pid} `).test(line) && line.includes('guard TERM'));
}

test('the program keeps its own pid, exit code and signals, and its watcher ends with it', async () => {
  const done = spawnGuarded(optionsOf('echo $$; exit 7'));
  const exited = once(done, 'exit');
  const [pid] = (await once(done.stdout!, 'data')) as [Buffer];
  expect(Number(pid.toString())).toBe(done.pid);
  expect(await exited).toEqual([7, null]);
  const signalled = spawnGuarded(optionsOf('echo ready; exec sleep 60'));
  await once(signalled.stdout!, 'data');
  expect(await watchersOf(signalled.pid!)).toHaveLength(1);
  signalled.kill('SIGINT');
  expect(await once(signalled, 'exit')).toEqual([null, 'SIGINT']);
  await expect.poll(async () => watchersOf(signalled.pid!)).toEqual([]);
});

test('a program whose parent is killed ends by its last signal', async () => {
  const pid = await orphan(optionsOf('echo ready; exec sleep 60'));
  await expect.poll(async () => isRunning(pid)).toBe(false);
});

test('one that ignores its last signal is killed', async () => {
  const options = optionsOf(`trap '' TERM; echo ready; while :; do sleep 0.2; done`, { killAfterSeconds: 1 });
  const pid = await orphan(options);
  await expect.poll(async () => isRunning(pid)).toBe(false);
});

test('a program that is not there is an exit that says so', async () => {
  const absent = spawnGuarded(optionsOf('', { command: ['/nowhere/engine'] }));
  let text = '';
  // A shell writes its message in pieces.
  absent.stderr!.on('data', (piece: Buffer) => (text += piece.toString()));
  const [exitCode] = (await once(absent, 'close')) as [number];
  expect(text).toContain('/nowhere/engine');
  expect(exitCode).toBe(127);
});
