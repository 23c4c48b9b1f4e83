/** The maker's own server with its database in a file: what `--standalone`, systemd units and the demo start. */
import { accessSync, constants, readdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { causes } from '../../domain/causes.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { openConnection } from '../calls.ts';
import { channelTo } from '../reach.ts';

/** It makes this one by itself. */
export const defaultNamespace = 'default';

export interface ServerPlace {
  /** Path of the program `temporal`. */
  readonly binary: string;
  /** Without one it keeps everything in memory, for as long as it runs. */
  readonly databaseFile: string | undefined;
  readonly port: number;
  /** Port of the web UI; none is served where it is undefined. */
  readonly uiPort: number | undefined;
}

/**
 * The maker's server has one shard, whose queues it looks into at most 20 times a second: each step of a run would wait for
 * two such looks, 100 ms. M: a restore of nothing takes 0.8 s instead of 2.9.
 */
const looksPerSecond = ['transfer', 'timer', 'visibility'].flatMap((queue) => [
  '--dynamic-config-value',
  `history.${queue}ProcessorMaxPollRPS=1000`,
]);

/**
 * It listens on this host alone: there is no password. A server started again on the file knows the earlier runs. Its
 * commits are synced to a write-ahead log, once each, and not to a journal and the file itself. M: the runs of an
 * appliance's day take 51 s instead of 68, and 39 s of the processor instead of 53.
 */
export function serverCommand({ binary, databaseFile, port, uiPort }: ServerPlace): string[] {
  const ui = uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)];
  const database =
    databaseFile === undefined ? [] : ['--db-filename', databaseFile, '--sqlite-pragma', 'journal_mode=WAL'];
  const fixed = ['server', 'start-dev', '--ip', '127.0.0.1', ...database, '--log-level', 'warn', ...looksPerSecond];
  return [binary, ...fixed, '--port', String(port), ...ui];
}

/** Resolves when the server's usual namespace answers; its port does so earlier. */
export async function askServer(address: string): Promise<void> {
  const connection = await openConnection({ address, ...channelTo(address), connectTimeout: 2000 });
  try {
    await connection.workflowService.describeNamespace({ namespace: defaultNamespace });
  } finally {
    await connection.close();
  }
}

/**
 * The program `temporal`: `LIFEBOAT_TEMPORAL`, else on the PATH, else where set-up of a clone put it. Precondition where there
 * is none, or where it must be `lasting` and is in the cache alone: a cache may be emptied.
 */
export function findTemporalProgram({ lasting = false }: { readonly lasting?: boolean } = {}): string {
  const named = process.env['LIFEBOAT_TEMPORAL'];
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'temporal'));
  const found = (named === undefined ? onPath : [named]).find(isProgram);
  if (found !== undefined) return found;
  const cached = cachedTemporal().find(isProgram);
  if (named === undefined && cached !== undefined && !lasting) return cached;
  const where = named === undefined ? 'is not on the PATH' : `is not at ${named} (LIFEBOAT_TEMPORAL)`;
  const hint =
    cached === undefined
      ? causes.noTemporalProgram.hint
      : `set-up has fetched it: install ${cached} /usr/local/bin/temporal`;
  throw new LifeboatError('Precondition', `the program \`temporal\` ${where}`, { hint });
}

/** Where set-up puts it, the newest version first; they need not be there. A home is the system's: HOME may be somebody else's. */
export function cachedTemporal(): string[] {
  const given = process.env['LIFEBOAT_CACHE'];
  const folders = given ? [given] : ['/var/cache/lifeboat', join(ownHome(), '.cache', 'lifeboat')];
  return folders.flatMap((folder) =>
    entriesOf(folder)
      .filter((name) => /^temporal(-bin)?(-.*)?$/.test(name))
      .toSorted((one, other) => other.localeCompare(one, 'en', { numeric: true }))
      .flatMap((name) => [join(folder, name, 'bin', 'temporal'), join(folder, name, 'temporal')]),
  );
}

function ownHome(): string {
  try {
    return userInfo().homedir;
  } catch {
    return '/nonexistent'; // A user that the system does not know, as in a container.
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
