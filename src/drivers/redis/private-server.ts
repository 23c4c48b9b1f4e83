/**
 * A redis-server of our own on a folder of our own: reachable by a socket in a 0700 folder only, saving nothing, and
 * gone with this process.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { engineEnvironment } from '../../domain/inherited-environment.ts';
import { spawnGuarded } from '../../platform/process/guarded-child.ts';
import { info, withRedis, type Endpoint } from './connection.ts';
import type { AppendFiles } from './possible-starts.ts';
import type { ServerBinary } from './server-binary.ts';

export interface PrivateServerOptions {
  readonly component: string;
  readonly binary: ServerBinary;
  readonly folder: string;
  /** What it loads; `dump.rdb` where there are none. */
  readonly append: AppendFiles | undefined;
  /** `loadmodule` lines of the captured configuration: without them a dump with module values does not load. */
  readonly modules: readonly (readonly string[])[];
  /** As root the server runs as the owner of the files. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly signal: AbortSignal;
}

/** 200 GB at 100 MB/s is 34 min; twice that and more. */
const loadTimeoutMs = 2 * 3600 * 1000;
const stopTimeoutMs = 10_000;

/** Starts it, waits until all is loaded, runs the work, and kills it. ValidationFailed with the end of its log. */
export async function withPrivateServer<T>(
  options: PrivateServerOptions,
  work: (client: Redis) => Promise<T>,
): Promise<T> {
  // A socket's path must stay below 108 bytes, so it is not made in the state folder.
  const socketFolder = await mkdtemp(join(tmpdir(), 'lifeboat-redis-'));
  if (options.user !== undefined && process.getuid?.() === 0)
    await chown(socketFolder, options.user.uid, options.user.gid);
  const socket = join(socketFolder, 's');
  const log: string[] = [];
  const child = start(options, socket, log);
  try {
    const endpoint: Endpoint = {
      component: options.component,
      where: { socket },
      username: undefined,
      password: undefined,
    };
    await untilLoaded(endpoint, child, options, log);
    return await withRedis(endpoint, work);
  } finally {
    await kill(child);
    await rm(socketFolder, { recursive: true, force: true });
  }
}

function start(
  { binary, folder, append, modules, user }: PrivateServerOptions,
  socket: string,
  log: string[],
): ChildProcess {
  const settings: readonly (readonly string[])[] = [
    ['--port', '0'],
    ['--unixsocket', socket],
    ['--unixsocketperm', '700'],
    ['--dir', folder],
    ['--dbfilename', 'dump.rdb'],
    ['--save', ''],
    ['--appendonly', append === undefined ? 'no' : 'yes'],
    ...(append === undefined ? [] : [['--appendfilename', append.name]]),
    ...(append === undefined || Number(binary.version.split('.')[0]) < 7 ? [] : [['--appenddirname', append.folder]]),
    ['--auto-aof-rewrite-percentage', '0'],
    ['--daemonize', 'no'],
    ['--databases', '16384'],
    ...modules.map((words) => ['--loadmodule', ...words]),
  ];
  const child = spawnGuarded({
    command: [binary.path, ...settings.flat()],
    cwd: folder,
    env: engineEnvironment(process.env),
    output: ['pipe', 'pipe'],
    user: process.getuid?.() === 0 ? user : undefined,
    lastSignal: 'KILL',
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log.push(...text.split('\n').filter((line) => line !== ''));
      log.splice(0, Math.max(0, log.length - 20));
    });
  }
  child.on('error', (error) => log.push(error.message));
  return child;
}

async function untilLoaded(
  endpoint: Endpoint,
  child: ChildProcess,
  { signal }: PrivateServerOptions,
  log: readonly string[],
): Promise<void> {
  for (const deadline = performance.now() + loadTimeoutMs; performance.now() < deadline;) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      throw new LifeboatError(
        'ValidationFailed',
        `a private Redis did not load the staged data: ${log.slice(-3).join(' | ')}`,
        { component: endpoint.component },
      );
    }
    try {
      const isLoaded = await withRedis(
        endpoint,
        async (client) => (await info(client, 'persistence'))['loading'] === '0',
      );
      if (isLoaded) return;
    } catch (error) {
      if (!isLifeboatError(error, 'EngineUnavailable')) throw error;
    }
    await delay(30, undefined, { signal });
  }
  throw new LifeboatError(
    'ValidationFailed',
    `a private Redis did not load the staged data within ${loadTimeoutMs / 1000} s`,
    { component: endpoint.component },
  );
}

/** It has nothing to save. */
async function kill(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'close');
  child.kill('SIGKILL');
  await Promise.race([gone, delay(stopTimeoutMs)]);
}
