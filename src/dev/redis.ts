/** A Redis server in a folder of its own, with append-only files, as the sample appliance has it. */
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OsUser } from '../platform/process/os-user.ts';
import { findRedisServer } from './engines.ts';
import { freePort } from './free-ports.ts';

export interface RedisOptions {
  /** Holds redis.conf, redis.log and `data/`; made when absent. */
  readonly directory: string;
  readonly port?: number;
  /** requirepass; without it everybody on this host may connect. */
  readonly password?: string;
  /** Further lines of redis.conf, which win over ours. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly user?: OsUser;
  readonly detached?: boolean;
}

export interface RedisInstance {
  readonly serverBinary: string;
  readonly configFile: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly hostname: '127.0.0.1';
  readonly port: number;
  readonly password: string | undefined;
  /** Runs the server in the foreground. */
  readonly command: readonly string[];
}

/** Writes the configuration file; starts nothing. May be called again: data stay as they are. */
export async function prepareRedis(options: RedisOptions): Promise<RedisInstance> {
  const port = options.port ?? (await freePort());
  const dataDirectory = join(options.directory, 'data');
  const configFile = join(options.directory, 'redis.conf');
  const settings: Record<string, string> = {
    bind: '127.0.0.1',
    port: String(port),
    dir: dataDirectory,
    appendonly: 'yes',
    daemonize: 'no',
    // Its own choice of a moment to snapshot would make tests depend on time.
    save: '""',
    ...(options.password === undefined ? {} : { requirepass: options.password }),
    ...options.settings,
  };
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  await writeFile(configFile, lines.join(''), { mode: 0o600 });
  await chmod(configFile, 0o600);
  if (options.user && process.getuid?.() === 0) {
    for (const path of [options.directory, dataDirectory, configFile])
      await chown(path, options.user.uid, options.user.gid);
  }
  const serverBinary = findRedisServer();
  const logFile = join(options.directory, 'redis.log');
  const command = [serverBinary, configFile];
  return {
    serverBinary,
    configFile,
    dataDirectory,
    logFile,
    hostname: '127.0.0.1',
    port,
    password: options.password,
    command,
  };
}
