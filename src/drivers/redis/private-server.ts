/**
 * A redis-server of our own on a folder of our own: reachable by a socket in a 0700 folder only, saving nothing, and
 * gone with this process.
 */
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import type { EngineProcess, Owner, Target } from '../../platform/target.ts';
import { info, withRedis, type Endpoint } from './connection.ts';
import type { AppendFiles } from './possible-starts.ts';
import type { ServerBinary } from './server-binary.ts';

export interface PrivateServerOptions {
  readonly component: string;
  readonly target: Target;
  readonly binary: ServerBinary;
  readonly folder: string;
  /** What it loads; `dump.rdb` where there are none. */
  readonly append: AppendFiles | undefined;
  /** `loadmodule` lines of the captured configuration: without them a dump with module values does not load. */
  readonly modules: readonly (readonly string[])[];
  /** As root the server runs as the owner of the files. */
  readonly user: Owner | undefined;
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
  const log = join(socketFolder, 'log');
  let engine: EngineProcess | undefined;
  try {
    engine = await start(options, socket, log);
    const endpoint: Endpoint = {
      component: options.component,
      where: { socket },
      username: undefined,
      password: undefined,
    };
    await untilLoaded(endpoint, engine, options, log);
    return await withRedis(endpoint, work);
  } finally {
    await kill(engine);
    await rm(socketFolder, { recursive: true, force: true });
  }
}

async function start(
  { component, target, binary, folder, append, modules, user }: PrivateServerOptions,
  socket: string,
  logFile: string,
): Promise<EngineProcess> {
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
  const command = [binary.path, ...settings.flat()] as const;
  return target.runEngine(component, { command, cwd: folder, user, lastSignal: 'KILL', logFile });
}

async function untilLoaded(
  endpoint: Endpoint,
  engine: EngineProcess,
  { signal }: PrivateServerOptions,
  log: string,
): Promise<void> {
  for (const deadline = performance.now() + loadTimeoutMs; performance.now() < deadline;) {
    if (engine.ended() !== undefined) {
      throw new LifeboatError(
        'ValidationFailed',
        `a private Redis did not load the staged data: ${await lastLines(log)}`,
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

async function lastLines(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.slice(-3).join(' | ');
}

/** It has nothing to save. */
async function kill(engine: EngineProcess | undefined): Promise<void> {
  engine?.kill('SIGKILL');
  await Promise.race([engine?.exited, delay(stopTimeoutMs)]);
}
