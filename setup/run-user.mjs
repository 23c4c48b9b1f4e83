/** Who runs everything after installation: never root. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { run } from './commands.mjs';
import { provide } from './step.mjs';

const name = 'lifeboat';

/** `{name, uid, gid, switchTo}`: `switchTo` says that commands must change to this user. */
export async function provideRunUser() {
  if (process.getuid() !== 0) {
    return { name: nameOf(process.getuid()), uid: process.getuid(), gid: process.getgid(), switchTo: false };
  }
  return provide({
    title: `run user ${name}`,
    find: () => lookUp(),
    sources: [
      {
        name: 'useradd',
        get: () =>
          run('useradd', [
            '--system',
            '--user-group',
            '--home-dir',
            '/var/lib/lifeboat',
            '--shell',
            '/bin/sh',
            name,
          ]).then(() => 0),
      },
    ],
    command: `useradd --system --user-group ${name}`,
    describe: (user) => `uid ${user.uid}`,
  });
}

function lookUp() {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}:`));
  if (line === undefined) return undefined;
  const [, , uid, gid] = line.split(':').map(Number);
  return { name, uid, gid, switchTo: true };
}

/** As in a container that runs with a number, a user may have no name. */
function nameOf(uid) {
  try {
    return userInfo().username;
  } catch {
    return `uid-${uid}`;
  }
}
