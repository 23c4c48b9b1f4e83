import { aptCommand, aptSource } from './apt.mjs';
import { succeeds } from './commands.mjs';
import { provide } from './step.mjs';

/** What `restore.sh` of a repository needs beside a POSIX shell, because the tests run it; git for the tests of set-up itself. */
const tools = ['jq', 'zstd', 'openssl', 'git'];

export function provideTools() {
  return provide({
    title: 'tools of the tests',
    find: async () => {
      for (const tool of tools) if (!(await succeeds('/bin/sh', ['-c', `command -v ${tool}`]))) return undefined;
      return tools.join(', ');
    },
    sources: [aptSource(...tools)],
    command: process.platform === 'darwin' ? `brew install ${tools.join(' ')}` : aptCommand(...tools),
  });
}
