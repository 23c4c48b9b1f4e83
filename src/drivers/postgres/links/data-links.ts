/**
 * Symbolic links inside a data directory. A base backup follows none: it makes a folder of `pg_wal`, and leaves every
 * other one out with a warning. A link that the restore can put back is captured; any other fails the backup, because
 * what it leads to would be missing.
 */
import { opendir, readlink, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LifeboatError } from '../../../domain/errors.ts';
import { isLifeboatName } from '../../swap/names.ts';

export interface DataLink {
  /** Below the data directory. */
  readonly path: string;
  /** Its text; of `wal` and `log` where it leads, if it does so through further links. */
  readonly target: string;
  /** `configuration` is captured with what it leads to, `wal` is put back to where it led, of `log` only the link matters. */
  readonly purpose: 'configuration' | 'log' | 'wal';
}

export interface LinkRoles {
  /** As the server names it. */
  readonly dataDirectory: string;
  /** Files that the server reads; absolute, as it sees them. A link may also be a folder of theirs. */
  readonly configuration: readonly string[];
  /** As it is set. */
  readonly logDirectory: string;
}

/** A base backup sends these as empty folders, linked or not: the server needs nothing of what is in them. */
const emptied =
  /^(?:pg_stat_tmp|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_subtrans|(?:.*\/)?pgsql_tmp)$/;

/** Paths below the data directory of all links but those to tablespaces, in which it looks; undefined where it may not. */
export async function findLinks(dataDirectory: string): Promise<string[] | undefined> {
  const links: string[] = [];
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    try {
      for await (const child of await opendir(join(dataDirectory, folder))) {
        const path = folder === '' ? child.name : `${folder}/${child.name}`;
        if (emptied.test(path) || (folder === '' && isLifeboatName(child.name))) continue;
        // A tablespace may hold more than its server's folder: only that is backed up.
        if (/^pg_tblspc\/\d+$/.test(folder) && !child.name.startsWith('PG_')) continue;
        const isTablespace = folder === 'pg_tblspc';
        if (child.isSymbolicLink() && !isTablespace) links.push(path);
        else if (child.isDirectory() || isTablespace) pending.push(path);
      }
    } catch (error) {
      // The server makes and removes folders all the time.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || folder === '') return undefined;
    }
  }
  return links.toSorted();
}

/** Queries links that nothing else shows. Among the server's own files only `pg_wal` may be one: the server sends what is behind it. */
export function unseenLinks(dataDirectory: string): string {
  return `\`${dataDirectory}\` cannot be searched for links: where \`pg_wal\` is one, a restore brings it back as a folder`;
}

/** What each link is for; Precondition, naming it, for one that no restore could put back. */
export async function describeLinks(
  paths: readonly string[],
  roles: LinkRoles,
  live: { readonly component: string; readonly dataDirectory: string },
): Promise<DataLink[]> {
  const links: DataLink[] = [];
  for (const path of paths) {
    const purpose = purposeOf(path, roles);
    if (purpose === undefined) throw await refused(path, live);
    if (purpose !== 'log' && resolve(roles.dataDirectory) !== resolve(live.dataDirectory)) {
      throw new LifeboatError(
        'Precondition',
        `\`${path}\` in the data directory is a link, and the server sees the directory as \`${roles.dataDirectory}\`: ` +
          'where the link leads on this host is not known',
        { component: live.component, hint: 'set `dataDirectory` to the path that the server itself sees' },
      );
    }
    const link = join(live.dataDirectory, path);
    links.push({ path, target: purpose === 'configuration' ? await readlink(link) : await targetOf(link), purpose });
  }
  return links;
}

function purposeOf(
  path: string,
  { dataDirectory, configuration, logDirectory }: LinkRoles,
): DataLink['purpose'] | undefined {
  if (path === 'pg_wal') return 'wal';
  const absolute = resolve(dataDirectory, path);
  if (absolute === resolve(dataDirectory, logDirectory)) return 'log';
  const isRead = configuration.some((file) => file === absolute || file.startsWith(`${absolute}/`));
  return isRead ? 'configuration' : undefined;
}

async function targetOf(link: string): Promise<string> {
  const text = await readlink(link);
  const real = await realpath(link).catch(() => undefined);
  return real === undefined || resolve(join(link, '..'), text) === real ? text : real;
}

async function refused(
  path: string,
  { component, dataDirectory }: { readonly component: string; readonly dataDirectory: string },
): Promise<LifeboatError> {
  const target = await readlink(join(dataDirectory, path)).catch(() => '?');
  return new LifeboatError(
    'Precondition',
    `\`${path}\` in the data directory is a link to \`${target}\`: a base backup does not follow it, and what it leads to would be missing`,
    { component, hint: linkHint(path) },
  );
}

function linkHint(path: string): string {
  const database = /^base\/(\d+)$/.exec(path)?.[1];
  return database === undefined
    ? 'put the file or folder itself in the place of the link; to spread data over disks, use tablespaces'
    : `put the folder back, and move the database with a tablespace: CREATE TABLESPACE …; ALTER DATABASE (oid ${database}) … SET TABLESPACE …;`;
}
