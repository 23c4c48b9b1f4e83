/** A real OpenSSH server on loopback, for its own user only, with keys made for it. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { SshSettings } from '../storage/ssh/session.ts';
import { startEngine, type EngineProcess } from './engine-process.ts';
import { findSshd } from './engines.ts';
import { freePort } from './free-ports.ts';

const run = promisify(execFile);

export interface RunningSshd extends EngineProcess {
  /** `path` is empty. */
  readonly settings: SshSettings;
  /** Ends every connection in the middle of what it does. */
  cut(): Promise<void>;
  /** Ends the SFTP part of every connection; the connection itself stays. */
  endSftp(): Promise<void>;
  /** Every connection stays open and says nothing more, until the function that it gives is called. */
  freeze(): Promise<() => void>;
}

/** `directory` holds keys, configuration and log; made when absent. A port that was used before is used again. */
export async function startSshd(options: {
  readonly directory: string;
  readonly port?: number;
  /** Further lines of its configuration. */
  readonly options?: readonly string[];
}): Promise<RunningSshd> {
  const { directory } = options;
  const port = options.port ?? (await freePort());
  const at = (name: string): string => join(directory, name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of ['host-key', 'user-key']) {
    await readFile(at(name)).catch(async () => {
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'lifeboat', '-f', at(`${name}.new`)]);
      await rename(at(`${name}.new.pub`), at(`${name}.pub`));
      await rename(at(`${name}.new`), at(name));
    });
  }
  await writeFile(
    at('sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${at('host-key')}`,
      `AuthorizedKeysFile ${at('user-key.pub')}`,
      `PidFile ${at('sshd.pid')}`,
      'UsePAM no',
      'StrictModes no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'MaxStartups 100',
      'Subsystem sftp internal-sftp',
      ...(options.options ?? []),
      '',
    ].join('\n'),
  );
  const running = await startEngine({
    name: 'sshd',
    cwd: directory,
    logFile: at('sshd.log'),
    stopSignal: 'SIGTERM',
    command: [findSshd(), '-D', '-e', '-f', at('sshd_config')],
    answers: async () => greeted(port),
  });
  const settings: SshSettings = {
    hostname: '127.0.0.1',
    port,
    user: userInfo().username,
    keyFile: at('user-key'),
    passphrase: undefined,
    hostKey: (await readFile(at('host-key.pub'), 'utf8')).trim(),
    path: '',
  };
  return {
    ...running,
    settings,
    cut: async () => signal(await sessionsOf(running.pid), 'SIGKILL'),
    async endSftp() {
      const innermost = await Promise.all(
        (await sessionsOf(running.pid)).map(async (pid) => ((await childrenOf(pid)).length === 0 ? [pid] : [])),
      );
      signal(innermost.flat(), 'SIGKILL');
    },
    async freeze() {
      const sessions = await sessionsOf(running.pid);
      signal(sessions, 'SIGSTOP');
      return () => signal(sessions, 'SIGCONT');
    },
  };
}

function signal(sessions: readonly number[], name: NodeJS.Signals): void {
  for (const pid of sessions) {
    try {
      process.kill(pid, name);
    } catch {
      // It went with the one below it.
    }
  }
}

/** The server forks for each connection, once or twice; the innermost come first. */
async function sessionsOf(pid: number): Promise<number[]> {
  const sessions: number[] = [];
  for (const child of await childrenOf(pid)) {
    sessions.push(...(await sessionsOf(child)));
    const title = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '');
    if (!title.includes('[listener]') && !title.includes('sshd_config')) sessions.push(child);
  }
  return sessions;
}

async function childrenOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

async function greeted(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'data', { signal: AbortSignal.timeout(2000) });
  } finally {
    socket.destroy();
  }
}
