/**
 * Makes a staged data directory ready for the private server, and afterwards ready for the live one. Both may be
 * called again at any state, also after a kill between any two of their acts.
 */
import { constants } from 'node:fs';
import { access, lchown, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LifeboatError } from '../../../domain/errors.ts';
import { syncFolder, writeDurably } from '../../swap/disk.ts';
import { readControlFile } from '../server/control-file.ts';
import { formatLsn, parseLsn } from '../../../domain/lsn.ts';
import type { Owner } from '../../../platform/target.ts';

/** The captured postgresql.auto.conf lies here while the private server runs: the server reads that name always. */
const keptAutoConf = 'postgresql.auto.conf.lifeboat';
const autoConf = 'postgresql.auto.conf';

export interface StagedDirectory {
  readonly path: string;
  /** Staged and live path of each folder that lies elsewhere, and where its link stands. */
  readonly elsewhere: readonly { readonly at: string; readonly staged: string; readonly live: string }[];
  /** To whom written files are given; undefined where that is this process's user. */
  readonly owner: Owner | undefined;
}

/** Where the staged WAL lies, whether its link stands already or not. */
export function walFolderOf({ path, elsewhere }: StagedDirectory): string {
  return elsewhere.find(({ at }) => at === 'pg_wal')?.staged ?? join(path, 'pg_wal');
}

/** Throws VersionMismatch unless the directory is of this major. */
export async function requireMajor(path: string, major: number, component: string): Promise<void> {
  const text = await readFile(join(path, 'PG_VERSION'), 'utf8').catch(() => '');
  if (text.trim() !== `${major}`) {
    throw new LifeboatError(
      'VersionMismatch',
      `the staged data directory is of PostgreSQL \`${text.trim()}\`, the recovery point says ${major}`,
      { component },
    );
  }
}

export async function prepareForRecovery(directory: StagedDirectory): Promise<void> {
  const { path, elsewhere, owner } = directory;
  if (!(await exists(join(path, keptAutoConf)))) {
    await rename(join(path, autoConf), join(path, keptAutoConf)).catch(absentOnly);
  }
  await writeDurably(join(path, autoConf), '', owner);
  await rm(join(path, 'standby.signal'), { force: true });
  // The label leaves when recovery has begun. From then on the server's own state says how to go on.
  if (await isUntouched(path)) {
    const map = elsewhere.flatMap(({ at, staged }) => {
      const oid = /^pg_tblspc\/(.+)$/.exec(at)?.[1];
      return oid === undefined ? [] : [`${oid} ${escapeMapped(staged)}\n`];
    });
    if (map.length > 0) await writeDurably(join(path, 'tablespace_map'), map.join(''), owner);
    await writeDurably(join(path, 'recovery.signal'), '', owner);
  }
  await linkElsewhere(directory, 'staged');
}

/** After a clean shutdown: everything of the private server leaves, the captured settings come back. */
export async function finishForLive(directory: StagedDirectory): Promise<void> {
  const { path } = directory;
  await linkElsewhere(directory, 'live');
  for (const name of ['tablespace_map.old', 'postmaster.opts', 'recovery.signal']) {
    await rm(join(path, name), { force: true });
  }
  if (await exists(join(path, keptAutoConf))) await rename(join(path, keptAutoConf), join(path, autoConf));
  await syncFolder(path);
}

/** Whether no server has begun to recover it. */
export function isUntouched(path: string): Promise<boolean> {
  return exists(join(path, 'backup_label'));
}

/** Whether a live server may start on it as it is: recovered, shut down, with its own settings. */
export async function isReadyForLive(path: string): Promise<boolean> {
  const leftovers = ['backup_label', 'recovery.signal', keptAutoConf, 'postmaster.pid', unsyncedMark];
  const found = await Promise.all(leftovers.map((name) => exists(join(path, name))));
  const control = await readControlFile(path);
  return !found.includes(true) && control?.isShutDown === true;
}

/**
 * How far recovery replayed, and the timeline it began then: the last line of the newest history file. Undefined
 * where there is none, because no recovery ended here.
 */
export async function recoveredTo(path: string): Promise<{ lsn: string; timeline: number } | undefined> {
  const timeline = (await readControlFile(path))?.timeline;
  if (timeline === undefined) return undefined;
  const name = `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
  const text = await readFile(join(path, 'pg_wal', name), 'utf8').catch(() => '');
  const lsn = /^\d+\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(text.trim().split('\n').at(-1) ?? '')?.[1];
  return lsn === undefined ? undefined : { lsn: formatLsn(parseLsn(lsn)), timeline };
}

async function linkElsewhere({ path, elsewhere, owner }: StagedDirectory, to: 'staged' | 'live'): Promise<void> {
  for (const folder of elsewhere) {
    const link = join(path, folder.at);
    const fresh = `${link}.new`;
    await rm(fresh, { force: true });
    await symlink(folder[to], fresh);
    if (owner !== undefined) await lchown(fresh, owner.uid, owner.gid);
    await rename(fresh, link);
    await syncFolder(dirname(link));
  }
}

/** As the server writes its map: line ends and backslashes behind a backslash. */
function escapeMapped(path: string): string {
  return path.replaceAll(/[\\\n\r]/g, (character) => `\\${character}`);
}

function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}

function absentOnly(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

export const unsyncedMark = '.lifeboat-unsynced';
