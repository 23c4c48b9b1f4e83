import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import { endProcesses, processesOf } from '../../setup/processes.mjs';
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
    for (const { pid } of ended) expect(() => process.kill(pid, 0), `${pid}`).toThrow('ESRCH');
    if (listener.exitCode === null && listener.signalCode === null) await once(listener, 'exit');
  } finally {
    listener.kill('SIGKILL');
  }
});
