import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import { endProcesses, processesOf, startOf } from '../../setup/processes.mjs';
import { folderTest as test } from '../support/folder-test.ts';
import { waitFor } from '../support/wait-for.ts';

test('what descends from a process of the run belongs to it without any mark, stopped too, and also when its parent is gone', async ({
  folder,
}) => {
  // As sshd's session: another environment, another folder, and it is stopped.
  const session = `env -i /bin/sh -c 'cd / && kill -STOP $$; sleep 600'`;
  const listener = spawn('/bin/sh', ['-c', `(${session}) & wait`], { env: { MARK: folder }, cwd: '/', detached: true });
  try {
    const mine = processesOf as (places: readonly string[]) => { pid: number; command: string }[];
    await waitFor(() =>
      expect(mine([folder]).map(({ command }) => command)).toContainEqual(expect.stringMatching(/^\/bin\/sh -c cd/)),
    );
    const ended = (await endProcesses([folder])) as { pid: number }[];
    expect(ended.map(({ pid }) => pid)).toContain(listener.pid);
    expect(ended.length).toBeGreaterThan(1);
    for (const { pid } of ended) await waitFor(() => expect(() => process.kill(pid, 0), `${pid}`).toThrow('ESRCH'));
    if (listener.exitCode === null && listener.signalCode === null) await once(listener, 'exit');
  } finally {
    listener.kill('SIGKILL');
  }
});

test('a process that has ended is gone, also where its parent does not take notice', async ({ folder }) => {
  // `exec` leaves the shell's child to a program that never waits for it, as to a first process of a container.
  const parent = spawn('/bin/sh', ['-c', `MARK=${folder} sleep 600 & exec sleep 600 2>&-`], { env: {}, cwd: '/' });
  try {
    const mine = processesOf as (places: readonly string[]) => { pid: number; command: string }[];
    const child = await waitFor(() => {
      const [each] = mine([folder]).filter(({ pid, command }) => pid !== parent.pid && command === 'sleep 600');
      expect(each).toBeDefined();
      return each!;
    });
    expect(startOf(child.pid)).toBeDefined();
    process.kill(child.pid, 'SIGKILL');
    await waitFor(() => expect(startOf(child.pid)).toBeUndefined());
    expect(() => process.kill(child.pid, 0), 'its entry is still there').not.toThrow();
  } finally {
    parent.kill('SIGKILL');
  }
});
