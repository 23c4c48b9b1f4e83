/** Which processes still use a data directory? A server that is stopped later saves over whatever was put there. */
import { readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { connect } from 'node:net';
import type { RedisConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { isInside } from '../files/paths.ts';

/** Precondition names the process or the port. */
export async function refuseWhileHeld(config: RedisConfig): Promise<void> {
  const hint = 'stop Redis and wait until its process is gone; a stopping server saves over the restored files';
  for (const { pid, name } of await holdersOf(config.dataDirectory)) {
    throw new LifeboatError('Precondition', `process ${pid} (${name}) still uses \`${config.dataDirectory}\``, {
      component: config.id,
      hint,
    });
  }
  if (isLocal(config.hostname) && (await answers(config.hostname, config.port))) {
    throw new LifeboatError('Precondition', `something still answers at ${config.hostname}:${config.port}`, {
      component: config.id,
      hint,
    });
  }
}

/** Redis works inside its folder, so its working directory tells; other processes count by their open files. */
async function holdersOf(folder: string): Promise<{ pid: number; name: string }[]> {
  const real = await realpath(folder).catch(() => folder);
  const holders: { pid: number; name: string }[] = [];
  for (const entry of await readdir('/proc').catch(() => [])) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
    // A shell that stands in the folder does no harm.
    const isServer = /redis|valkey|keydb/.test(name);
    const cwd = isServer ? await readlink(`/proc/${pid}/cwd`).catch(() => '') : '';
    if (isInside(cwd, real) || (await hasOpenFile(pid, real))) holders.push({ pid, name });
  }
  return holders;
}

async function hasOpenFile(pid: number, folder: string): Promise<boolean> {
  // Processes of other users cannot be looked into; the port tells of those.
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    if (isInside(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''), folder)) return true;
  }
  return false;
}

function isLocal(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || hostname.startsWith('127.');
}

async function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(true));
  });
}
