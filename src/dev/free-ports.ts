import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';

/**
 * Below the ports that systems give to whoever asks for any (from 32768 on), and below those of services in Kubernetes: an
 * engine that is stopped for a while must find its own free again.
 */
const range = { from: 15_000, to: 30_000 };
/** So often one of these is looked for; then the system chooses. */
const maxTries = 300;

/**
 * `count` distinct TCP ports on 127.0.0.1 that are free now. They are held together until all are known, so that no
 * port is given twice in one call. In one run of set-up none is given twice at all; else another process may take one before
 * its engine binds it.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  for (let tries = 0; held.length < count; tries += 1) {
    const server = await listenAt(tries < maxTries ? randomInt(range.from, range.to) : 0);
    if (server !== undefined) held.push(server);
  }
  const ports = held.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** Undefined where the port is in use, or was given before. */
async function listenAt(port: number): Promise<Server | undefined> {
  if (port !== 0 && !isFirst(port)) return undefined;
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** Processes of one run tell each other by files in its folder. */
function isFirst(port: number): boolean {
  const [run = ''] = process.env['LIFEBOAT_RUN']?.split(':') ?? [];
  if (run === '') return true;
  try {
    writeFileSync(join(run, `port-${port}`), '', { flag: 'wx' });
    return true;
  } catch (error) {
    // Where nothing can be written, chance has to do.
    return (error as NodeJS.ErrnoException).code !== 'EEXIST';
  }
}
