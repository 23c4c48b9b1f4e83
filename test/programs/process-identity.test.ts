import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isProvenDead, isThere, ownIdentity, type ProcessIdentity } from '../../src/programs/process-identity.ts';

const own = ownIdentity();

test('one that lives is not dead, whoever it belongs to; nor is one of which nothing is known', () => {
  const another = { ...own, startedAt: 'earlier' };
  const unknown: readonly Partial<ProcessIdentity>[] = [
    own,
    // Of another user, unless we are root.
    { ...own, pid: 1, startedAt: '' },
    { ...another, startedAt: '' },
    { ...another, host: 'another' },
    { ...another, bootId: 'of an earlier boot, or a host with the same name' },
    { ...another, bootId: '' },
    { ...another, pidNamespace: 'pid:[1]' },
    { ...another, timeNamespace: 'time:[1]' },
    { ...own, pid: 0 },
    { ...own, pid: -1 },
    { ...own, pid: 1.5 },
    {},
  ];
  for (const each of unknown) expect(isProvenDead(each as ProcessIdentity), JSON.stringify(each)).toBe(false);
  const { timeNamespace: _, ...older } = another;
  expect(isProvenDead(older)).toBe(false);
  expect(isProvenDead(another)).toBe(true);
});

test('one that was killed is dead, also before its parent has asked about it', async () => {
  // The shell becomes `sleep`, which asks about no child.
  const parent = spawn('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 100'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [told] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(told.toString());
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ');
  expect([isThere(pid), isProvenDead({ ...own, pid })]).toEqual([true, true]);
  parent.kill('SIGKILL');
  await once(parent, 'close');
  expect(isProvenDead({ ...own, pid: parent.pid ?? 0, startedAt: '' })).toBe(true);
});
