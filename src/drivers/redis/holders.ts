/** Refuses while anything uses the data directory: a server that is stopped later saves over whatever was put there. */
import { connect } from 'node:net';
import type { RedisConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Holder, Target } from '../../platform/target.ts';

/** Precondition names the process or the port. */
export async function refuseWhileHeld(config: RedisConfig, target: Target): Promise<void> {
  const hint = 'stop Redis and wait until its process is gone; a stopping server saves over the restored files';
  for (const holder of await target.holders(config.dataDirectory)) {
    if (!isServer(holder) && holder.by === 'folder') continue;
    const { pid, name } = holder;
    throw new LifeboatError('Precondition', `process ${pid} (${name}) still uses \`${config.dataDirectory}\``, {
      component: config.id,
      hint,
    });
  }
  // Processes of other users cannot be looked into; the port tells of those.
  const { hostname, port } = (await target.locate(config.id)).reach(config);
  if (isLocal(hostname) && (await answers(hostname, port))) {
    throw new LifeboatError('Precondition', `something still answers at ${hostname}:${port}`, {
      component: config.id,
      hint,
    });
  }
}

/** It works inside its folder. A shell that stands there does no harm. */
function isServer({ name }: Holder): boolean {
  return /redis|valkey|keydb/.test(name);
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
