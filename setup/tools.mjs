import { aptCommand, aptSource } from './apt.mjs';
import { succeeds } from './commands.mjs';
import { provide } from './step.mjs';

/**
 * Program to package: what `restore.sh` of a repository needs beside a POSIX shell, because the tests run it; what
 * extended attributes and ACLs need; git for the tests of set-up itself; promtool for the alert rules; an SSH server and
 * rsync for copies on another machine, which the tests start themselves; systemd's own check of units.
 */
const tools = {
  jq: 'jq',
  zstd: 'zstd',
  openssl: 'openssl',
  setfattr: 'attr',
  setfacl: 'acl',
  git: 'git',
  promtool: 'prometheus',
  '/usr/sbin/sshd': 'openssh-server',
  ssh: 'openssh-client',
  rsync: 'rsync',
  'systemd-analyze': 'systemd',
};
const packages = Object.values(tools);

export function provideTools() {
  return provide({
    title: 'tools of the tests',
    find: async () => {
      for (const tool of Object.keys(tools)) {
        if (!(await succeeds('/bin/sh', ['-c', `command -v ${tool}`]))) return undefined;
      }
      return Object.keys(tools).join(', ');
    },
    sources: [aptSource(...packages)],
    command: process.platform === 'darwin' ? `brew install ${packages.join(' ')}` : aptCommand(...packages),
  });
}
