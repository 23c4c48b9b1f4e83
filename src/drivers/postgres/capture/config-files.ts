/**
 * Configuration that a base backup omits: what lies outside the data directory (Debian keeps it in /etc), and what links
 * lead to, in it or outside. Files are read through the server, which is right also where it lives in a container; where the role
 * may not, from this host's disk.
 */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import pg from 'pg';
import { isLifeboatError, LifeboatError } from '../../../domain/errors.ts';
import type { LeftOut } from '../../../domain/left-out.ts';
import type { Session } from '../server/connection.ts';
import { configFolder } from '../facts.ts';
import type { ConfigFile } from '../facts.ts';
import { followLinks, type Link } from '../links/link-chain.ts';
import type { ConfigPaths } from '../server/server-facts.ts';
import { mayCall } from '../server/may-call.ts';

export interface FoundConfig {
  readonly file: ConfigFile;
  readonly content: Buffer;
}

interface Reading {
  readonly session: Session;
  readonly component: string;
  readonly role: string;
}

export interface OutsideConfig {
  readonly files: readonly FoundConfig[];
  /** Links outside the data directory that lead to configuration. */
  readonly links: readonly Link[];
  /** All that the server reads, inside the data directory too; absolute. */
  readonly read: readonly string[];
  /** Certificates and keys outside the data directory that nobody may read: the server would not start without them. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * All configuration files and their includes that the data directory itself does not hold. A file that is missing or
 * cannot be read fails the backup: PermissionDenied with the remedy, or Precondition where it does not exist. Keys are
 * root's alone on many hosts, and a host makes them anew: those outside are left out where they cannot be read.
 */
export async function readOutsideConfig(
  reading: Reading,
  paths: ConfigPaths,
  dataDirectory: string,
): Promise<OutsideConfig> {
  const found = new Map<string, FoundConfig>();
  const links = new Map<string, Link>();
  const leftOut: LeftOut[] = [];
  /** Where a file lies that the data directory does not hold; undefined for one that it holds. */
  const locate = async (path: string): Promise<Place | undefined> => {
    const { place, links: passed } = await placeOf(path, dataDirectory);
    for (const link of passed) links.set(link.path, link);
    return place;
  };
  const pending: { path: string; syntax: Syntax; optional: boolean }[] = [
    { path: paths.config, syntax: 'settings', optional: false },
    { path: paths.hba, syntax: 'rules', optional: false },
    // PostgreSQL starts without an ident file.
    { path: paths.ident, syntax: 'rules', optional: true },
    // Settings by ALTER SYSTEM; included without being named.
    { path: join(dataDirectory, 'postgresql.auto.conf'), syntax: 'settings', optional: true },
  ];
  const seen = new Set<string>();
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    const { path, syntax, optional } = next;
    if (seen.has(path)) continue;
    seen.add(path);
    const content = await readThrough(reading, path, optional);
    if (content === undefined) continue;
    const place = await locate(path);
    if (place !== undefined) found.set(place.real, { file: await describe(place), content });
    for (const include of includesOf(content.toString('utf8'), syntax)) {
      pending.push(...(await resolveInclude(reading, include, dirname(path), syntax)));
    }
  }
  const inFolders = await Promise.all(
    paths.credentialFolders.map(async (folder) => {
      const path = resolve(dataDirectory, folder);
      return (await listThrough(reading, path, true)).map((name) => join(path, name));
    }),
  );
  for (const path of [...paths.credentials.map((each) => resolve(dataDirectory, each)), ...inFolders.flat()]) {
    seen.add(path);
    const place = await locate(path);
    if (place === undefined || found.has(place.real)) continue;
    const isLinked = !isOutside(path, dataDirectory);
    const content = await readThrough(reading, path, true).catch((error: unknown) => {
      if (isLinked || !isLifeboatError(error, 'PermissionDenied')) throw error;
      leftOut.push({ path, what: 'unreadable certificate or key' });
      return undefined;
    });
    if (content === undefined) continue;
    found.set(place.real, { file: { ...(await describe(place)), onlyIfMissing: true }, content });
  }
  return { files: [...found.values()], links: [...links.values()], read: [...seen], leftOut };
}

interface Place {
  readonly real: string;
  /** The path outside the data directory that leads there. */
  readonly named: string;
}

/** Links in the data directory itself are captured with it. */
async function placeOf(
  path: string,
  dataDirectory: string,
): Promise<{ readonly place?: Place; readonly links: readonly Link[] }> {
  const data = await realpath(dataDirectory).catch(() => dataDirectory);
  const isNamedOutside = isOutside(path, dataDirectory);
  const chain = await followLinks(isNamedOutside ? path : join(data, relative(dataDirectory, path)));
  if (chain === undefined) return { links: [], ...(isNamedOutside ? { place: { real: path, named: path } } : {}) };
  const links = chain.links.filter((link) => isOutside(link.path, data));
  const named = isNamedOutside ? path : chain.became.find((each) => isOutside(each, data));
  return { links, ...(named !== undefined && isOutside(chain.end, data) ? { place: { real: chain.end, named } } : {}) };
}

export function isOutside(path: string, dataDirectory: string): boolean {
  const below = relative(dataDirectory, path);
  return below.startsWith('..') || isAbsolute(below);
}

type Syntax = 'settings' | 'rules' | 'names';
interface Include {
  readonly kind: 'file' | 'optional' | 'folder' | 'names';
  readonly path: string;
}

/** Include directives of postgresql.conf, and of pg_hba.conf and pg_ident.conf (files since 16, `@names` always). */
export function includesOf(text: string, syntax: Syntax): Include[] {
  const kinds = { include: 'file', include_if_exists: 'optional', include_dir: 'folder' } as const;
  const includes: Include[] = [];
  for (const line of text.split('\n')) {
    const directive =
      /^\s*(include|include_if_exists|include_dir)(?:\s*=\s*|\s+)(?:'((?:[^']|'')*)'|"([^"]*)"|([^\s#]+))/i.exec(line);
    if (directive !== null) {
      const path = directive[2]?.replaceAll("''", "'") ?? directive[3] ?? directive[4] ?? '';
      includes.push({ kind: kinds[directive[1]!.toLowerCase() as keyof typeof kinds], path });
    } else if (syntax !== 'settings') {
      const uncommented = line.replace(/#.*/, '');
      for (const [, quoted, plain] of uncommented.matchAll(/(?:^|[\s,])@(?:"([^"]+)"|([^\s,"]+))/g)) {
        includes.push({ kind: 'names', path: quoted ?? plain ?? '' });
      }
    }
  }
  return includes;
}

async function resolveInclude(
  reading: Reading,
  include: Include,
  folder: string,
  syntax: Syntax,
): Promise<{ path: string; syntax: Syntax; optional: boolean }[]> {
  const path = resolve(folder, include.path);
  if (include.kind === 'names') return [{ path, syntax: 'names', optional: false }];
  if (include.kind !== 'folder') return [{ path, syntax, optional: include.kind === 'optional' }];
  const names = (await listThrough(reading, path)).filter((name) => name.endsWith('.conf') && !name.startsWith('.'));
  return names.toSorted().map((name) => ({ path: join(path, name), syntax, optional: false }));
}

async function readThrough(reading: Reading, path: string, optional: boolean): Promise<Buffer | undefined> {
  return throughServerOrDisk(reading, path, optional, {
    by: 'pg_read_binary_file(text)',
    server: async () => {
      const rows = await reading.session.rows(
        `SELECT encode(pg_read_binary_file(${pg.escapeLiteral(path)}), 'base64') AS content`,
      );
      return Buffer.from(rows[0]?.['content'] ?? '', 'base64');
    },
    disk: () => readFile(path),
  });
}

async function listThrough(reading: Reading, path: string, optional = false): Promise<string[]> {
  const names = await throughServerOrDisk(reading, path, optional, {
    by: 'pg_ls_dir(text)',
    server: async () => {
      const rows = await reading.session.rows(`SELECT pg_ls_dir(${pg.escapeLiteral(path)}) AS name`);
      return rows.map((row) => row['name'] ?? '');
    },
    disk: () => readdir(path),
  });
  return names ?? [];
}

async function throughServerOrDisk<T>(
  reading: Reading,
  path: string,
  optional: boolean,
  ways: {
    /** The function of the server that reads it. */
    readonly by: string;
    readonly server: () => Promise<T>;
    readonly disk: () => Promise<T>;
  },
): Promise<T | undefined> {
  try {
    if (await mayCall(reading.session, ways.by)) return await ways.server();
  } catch (error) {
    if (!isLifeboatError(error) || error.code === 'EngineUnavailable') throw error;
    if (error.details['sqlState'] === '58P01') return absent(reading, path, optional, error);
  }
  try {
    return await ways.disk();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return absent(reading, path, optional, error);
    const role = pg.escapeIdentifier(reading.role);
    throw new LifeboatError('PermissionDenied', `cannot read the configuration file \`${path}\``, {
      component: reading.component,
      hint:
        `run as root: setfacl -m u:$(id -un):r '${path}'; or as a superuser: GRANT pg_read_server_files TO ${role}; ` +
        `GRANT EXECUTE ON FUNCTION pg_read_binary_file(text), pg_ls_dir(text) TO ${role};`,
      cause: error,
    });
  }
}

function absent(reading: Reading, path: string, optional: boolean, cause: unknown): undefined {
  if (optional) return undefined;
  throw new LifeboatError('Precondition', `the server names the configuration file \`${path}\`, which is missing`, {
    component: reading.component,
    hint: `put it back, or correct the setting that names it: the server would not start again`,
    cause,
  });
}

/** Mode and owner where this host has the same file. */
async function describe({ real, named }: Place): Promise<ConfigFile> {
  const file = { path: real, stored: join(configFolder, real), ...(named === real ? {} : { named }) };
  const stats = await stat(real).catch(() => undefined);
  if (stats === undefined || !stats.isFile()) return file;
  return { ...file, mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
}
