/** A real PostgreSQL server in a folder of its own, ready to be backed up over the replication protocol. */
import { execFile } from 'node:child_process';
import { appendFile, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { LifeboatError } from '../domain/errors.ts';
import type { OsUser } from '../platform/process/os-user.ts';
import { refuseRoot, startEngine } from './engine-process.ts';
import type { EngineProcess } from './engine-process.ts';
import { findPostgresBin } from './engines.ts';
import { freePort } from './free-ports.ts';
import { copyTemplate, templateFolder } from './postgres-template.ts';

const run = promisify(execFile);
/** The kernel's limit is 108 bytes; the name of the socket file and some room are taken off. */
const longestSocketFolder = 80;

export interface PostgresOptions {
  /** Holds `data/`, the log and the socket folder; made when absent. */
  readonly directory: string;
  readonly port?: number;
  /** Password of the superuser `postgres` (scram-sha-256). */
  readonly password?: string;
  /** Further settings of postgresql.conf, which win over ours. Values stand as written: quote texts with ''. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly binDirectory?: string;
  readonly user?: OsUser;
  readonly detached?: boolean;
}

export interface PostgresInstance {
  readonly binDirectory: string;
  readonly majorVersion: number;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly logFile: string;
  readonly hostname: '127.0.0.1';
  readonly port: number;
  readonly user: 'postgres';
  readonly password: string;
  /** Runs the server in the foreground. */
  readonly command: readonly string[];
}

export interface RunningPostgres extends PostgresInstance, EngineProcess {
  /** A connected client of the superuser; the caller ends it. */
  connect(database?: string): Promise<pg.Client>;
}

/** Makes the cluster (initdb with checksums) when it is not there and writes its settings; starts nothing. May be called again. */
export async function preparePostgres(options: PostgresOptions): Promise<PostgresInstance> {
  refuseRoot('PostgreSQL', options.user);
  const binDirectory = options.binDirectory ?? findPostgresBin();
  const instance: PostgresInstance = {
    binDirectory,
    majorVersion: await majorVersionOf(binDirectory),
    dataDirectory: join(options.directory, 'data'),
    socketDirectory: socketFolder(options.directory),
    logFile: join(options.directory, 'postgres.log'),
    hostname: '127.0.0.1',
    port: options.port ?? (await freePort()),
    user: 'postgres',
    password: options.password ?? 'postgres-of-a-test',
    command: [join(binDirectory, 'postgres'), '-D', join(options.directory, 'data')],
  };
  for (const folder of [options.directory, instance.socketDirectory]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (mustChangeUser(options.user)) await chown(folder, options.user.uid, options.user.gid);
  }
  if (!(await isCluster(instance.dataDirectory))) await initdb(instance, options);
  await writeSettings(instance, options);
  return instance;
}

/** Prepares and starts a server; returns when it answers queries. `stop` is a fast shutdown, `kill` is a crash. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const instance = await preparePostgres(options);
  const running = await startEngine({
    name: 'PostgreSQL',
    command: instance.command,
    cwd: instance.dataDirectory,
    logFile: instance.logFile,
    user: options.user,
    stopSignal: 'SIGINT',
    answers: () => connect(instance, 'postgres').then((client) => client.end(), unlessNoSuchDatabase),
    detached: options.detached ?? false,
  });
  return { ...instance, ...running, connect: (database) => connect(instance, database ?? 'postgres') };
}

/** A cluster without a database `postgres` answers too. */
function unlessNoSuchDatabase(error: unknown): void {
  if ((error as { readonly code?: string }).code !== '3D000') throw error;
}

async function initdb(instance: PostgresInstance, options: PostgresOptions): Promise<void> {
  // A cluster that initdb left half made has no PG_VERSION at its top or no control file: it holds nothing of anybody.
  await rm(instance.dataDirectory, { recursive: true, force: true });
  const passwordFile = join(options.directory, 'initdb-password');
  const owner = mustChangeUser(options.user) ? { uid: options.user.uid, gid: options.user.gid } : {};
  await writeFile(passwordFile, `${instance.password}\n`, { mode: 0o600 });
  if (mustChangeUser(options.user)) await chown(passwordFile, options.user.uid, options.user.gid);
  const args = ['-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const shape = ['--data-checksums', '--encoding=UTF8', '--locale=C', '--no-sync'];
  const make = async (dataDirectory: string) =>
    run(join(instance.binDirectory, 'initdb'), ['-D', dataDirectory, ...args, ...shape], {
      cwd: options.directory,
      // initdb writes the caller's time zone and languages into the cluster, which then serves callers of others.
      env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
      ...owner,
    });
  // A password that is drawn makes a cluster that nobody copies twice.
  const isShared = options.password === undefined && !mustChangeUser(options.user);
  const templates = isShared ? templateFolder() : undefined;
  try {
    if (templates === undefined) await make(instance.dataDirectory);
    else {
      const ingredients = [await versionOf(instance.binDirectory), '--auth=scram-sha-256', ...shape];
      await copyTemplate(templates, ingredients, instance.dataDirectory, async (path) => void (await make(path)));
    }
  } catch (cause) {
    throw new LifeboatError('EngineFailed', `initdb failed in ${instance.dataDirectory}: ${String(cause)}`, { cause });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function writeSettings(instance: PostgresInstance, options: PostgresOptions): Promise<void> {
  const settings: Record<string, string> = {
    listen_addresses: `'127.0.0.1'`,
    port: String(instance.port),
    unix_socket_directories: `'${instance.socketDirectory}'`,
    wal_level: 'replica',
    max_wal_senders: '10',
    max_replication_slots: '10',
    max_slot_wal_keep_size: `'2GB'`,
    shared_buffers: '64MB',
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  const file = join(instance.dataDirectory, 'lifeboat.conf');
  await writeFile(file, lines.join(''), { mode: 0o600 });
  if (mustChangeUser(options.user)) await chown(file, options.user.uid, options.user.gid);
  await includeOnce(instance.dataDirectory);
}

/** Our settings are an included file, so that writing them again never touches what initdb or a person wrote. */
async function includeOnce(dataDirectory: string): Promise<void> {
  const file = join(dataDirectory, 'postgresql.conf');
  const line = `include 'lifeboat.conf'`;
  if (!(await readFile(file, 'utf8')).split('\n').includes(line)) await appendFile(file, `\n${line}\n`);
}

async function connect(instance: PostgresInstance, database: string): Promise<pg.Client> {
  const { hostname: host, port, user, password } = instance;
  const client = new pg.Client({ host, port, user, password, database, ssl: false });
  client.on('error', () => {}); // A server that is stopped under a client ends it; the next query tells.
  await client.connect();
  return client;
}

async function majorVersionOf(binDirectory: string): Promise<number> {
  return Number(/\b(\d+)/.exec(await versionOf(binDirectory))?.[1]);
}

/** `postgres (PostgreSQL) 15.18 (…)` */
async function versionOf(binDirectory: string): Promise<string> {
  return (await run(join(binDirectory, 'postgres'), ['--version'])).stdout;
}

async function isCluster(dataDirectory: string): Promise<boolean> {
  const control = await stat(join(dataDirectory, 'global', 'pg_control')).catch(() => undefined);
  const hba = await stat(join(dataDirectory, 'pg_hba.conf')).catch(() => undefined);
  return control !== undefined && hba !== undefined;
}

function socketFolder(directory: string): string {
  const inside = join(directory, 'socket');
  if (Buffer.byteLength(inside) <= longestSocketFolder) return inside;
  return `/tmp/lifeboat-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`;
}

function mustChangeUser(user: OsUser | undefined): user is OsUser {
  return user !== undefined && process.getuid?.() === 0;
}
