import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { isAlive } from '../../src/cli/detached.ts';

/** As a worker does once, under its own number. */
const becoming = `const times = Number(process.env.TIMES ?? 0);
if (times < 25) process.execve(process.execPath, [process.execPath, '-e', process.env.SCRIPT], { SCRIPT: process.env.SCRIPT, TIMES: String(times + 1) });
setTimeout(() => {}, 60_000); "marker"`;

test('a process that becomes another program is alive all the time, and gone when it has ended', async () => {
  const child = spawn(process.execPath, ['-e', becoming], {
    stdio: 'ignore',
    detached: true,
    env: { SCRIPT: becoming },
  });
  const { pid = 0 } = child;
  try {
    for (const end = performance.now() + 1500; performance.now() < end;)
      expect(await isAlive(pid, 'marker')).toBe(true);
    expect(await isAlive(pid, 'another'), 'its number may come again').toBe(false);
  } finally {
    child.kill('SIGKILL');
  }
  await once(child, 'exit');
  expect(await isAlive(pid, 'marker')).toBe(false);
  expect(await isAlive(0, '')).toBe(false);
});
