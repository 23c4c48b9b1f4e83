/** Fetches a recovery point beside the live data: data directory, tablespaces, configuration files that differ. */
import { chmod, chown, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { reservedFolder } from '../../../domain/entry.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import { refusedHint } from '../../../domain/refused-access.ts';
import type { DriverEnvironment, RestoreContext, StageFacts } from '../../driver.ts';
import type { IndexEntry } from '../../../repository/repository.ts';
import { isWritable, notesOf } from '../../folder/folder-restore.ts';
import { ensureRoom } from '../../folder/room.ts';
import { nearestExisting, syncFolder } from '../../swap/disk.ts';
import {
  findStaged,
  makeParents,
  makeStaging,
  markStaged,
  removeStaging,
  stagedOrRemoved,
  stagingPath,
} from '../../swap/staging.ts';
import { clearLive } from '../../swap/swap.ts';
import { findPrograms } from '../server/programs.ts';
import { refuseUnlessDamaged } from './damaged.ts';
import { readFacts } from '../facts.ts';
import type { ConfigFile, SealedFacts } from '../facts.ts';
import { followLinks, isAbsence } from '../links/link-chain.ts';
import { asOther, ownerOf } from '../server/owner.ts';
import type { Owner } from '../../../platform/target.ts';
import { restorePaths, swapTargetOf } from './restore-paths.ts';
import type { RestorePaths } from './restore-paths.ts';
import { isPresent, makeLinks } from '../links/make-links.ts';
import { lacksWaldump } from './tablespace-wal.ts';
import { linkProblem } from './targets.ts';
import type { SwapTarget } from '../../swap/target-types.ts';

/**
 * A complete staging of an earlier attempt of this run is used again. NoSpace before the first byte; Precondition
 * where `--replace-damaged` meets data that a server runs on or that nothing is wrong with.
 */
export async function stagePostgres(
  config: PostgresConfig,
  { target: host, swap: tuning }: Pick<DriverEnvironment, 'target' | 'swap'>,
  context: RestoreContext,
): Promise<StageFacts> {
  const { record } = context;
  const facts = await readFacts(context);
  const paths = restorePaths(config, facts);
  const target = swapTargetOf(config, context, paths.lives, tuning);
  const programs = await findPrograms(config, host, facts.major);
  const owner = await ownerOf(config, host);
  await refuseLinks(paths, config.id);
  const unseen = await lacksWaldump(programs);
  const notes = unseen === undefined ? [] : [unseen];
  const known = await findStaged(target, record.indexId);
  if (known !== undefined) {
    const all = [...notes, ...notesOf(known)];
    return { bytes: record.bytes, files: record.files, facts: { reused: true }, notes: all };
  }
  const replace = {
    damaged: async () => {
      await refuseUnlessDamaged(config, host, programs);
      return foldersOf(paths);
    },
    clear: async (lives: readonly string[]) => clearLive(target, lives),
  };
  await ensureRoom(await bytesPerLive(paths, context), {
    component: config.id,
    removeLeftovers: () => removeStaging(target),
    ...(context.replaceDamaged ? { replace } : {}),
  });
  const staged = await stagedOrRemoved(target, async () => fetchAll({ paths, target, owner, facts }, context));
  return { ...staged, notes: [...notes, ...(staged.notes ?? [])] };
}

interface Fetch {
  readonly paths: RestorePaths;
  readonly target: SwapTarget;
  readonly owner: Owner;
  readonly facts: SealedFacts;
}

async function fetchAll({ paths, target, owner, facts }: Fetch, context: RestoreContext): Promise<StageFacts> {
  const { record } = context;
  const staged = await stageFolders(paths, context, target.component);
  const result = await context.repository.materialize({
    indexId: record.indexId,
    into: staged.get(paths.data)!,
    place: (entry) => placeOf(withoutLink(entry, target.component), paths, staged),
    owner: asOther(owner) ?? 'self',
    onProgress: context.onProgress,
    signal: context.signal,
  });
  const notes = await makeLinks(staged.get(paths.data)!, { facts, paths, owner, context });
  await giveFolders(paths, staged, owner, facts.dataDirectoryMode);
  const kept = await stageConfig(paths, { context, target, staged, notes });
  await markStaged(target, { source: record.indexId, staged: Object.fromEntries(staged), facts: { notes } });
  return {
    bytes: result.bytes,
    files: result.files,
    facts: { timeline: facts.timeline, tablespaces: facts.tablespaces.length, configFilesKept: kept },
    notes,
  };
}

/** Live paths of the data directory and of what lies elsewhere. */
function foldersOf({ data, elsewhere }: RestorePaths): string[] {
  return [data, ...elsewhere.map(({ live }) => live)];
}

/** Renaming would move a link and leave the data; a private server behind one would write into live data. */
async function refuseLinks(paths: RestorePaths, component: string): Promise<void> {
  for (const live of foldersOf(paths)) {
    const problem = await linkProblem(live);
    if (problem !== undefined) {
      throw new LifeboatError('Precondition', problem.message, { component, hint: problem.hint });
    }
  }
}

/** What the index will write for the data directory and each tablespace, bytes. */
async function bytesPerLive(
  paths: RestorePaths,
  { repository, record, signal }: RestoreContext,
): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  for await (const entry of repository.readIndex(record.indexId, signal)) {
    if (entry.type !== 'file' || entry.path.startsWith(`${reservedFolder}/`)) continue;
    const live = elsewhereOf(entry, paths)?.live ?? paths.data;
    bytes.set(live, (bytes.get(live) ?? 0) + entry.size);
  }
  return bytes;
}

/** Live path to its empty staging folder. */
async function stageFolders(
  paths: RestorePaths,
  { token }: RestoreContext,
  component: string,
): Promise<Map<string, string>> {
  const staged = new Map<string, string>();
  for (const live of foldersOf(paths)) {
    staged.set(live, await makeStaging(live, component, token));
  }
  return staged;
}

/** A server's own copy has links in `pg_tblspc` alone, and those are made anew: any other would let it write elsewhere. */
function withoutLink(entry: IndexEntry, component: string): IndexEntry {
  const isLink = entry.type === 'symlink' || entry.type === 'hardlink';
  if (!isLink || /^pg_tblspc\/[^/]+$/.test(entry.path)) return entry;
  throw new LifeboatError('ManifestInvalid', `\`${entry.path}\` in the index is a ${entry.type}`, { component });
}

/** What lies elsewhere leaves the tree: `pg_tblspc/<oid>/…` goes to its own staging. */
function placeOf(entry: IndexEntry, paths: RestorePaths, staged: ReadonlyMap<string, string>): string | undefined {
  const [first, second] = entry.path.split('/', 2);
  if (first === reservedFolder) return undefined;
  const folder = elsewhereOf(entry, paths);
  if (folder !== undefined) {
    const rest = entry.path.slice(folder.at.length + 1);
    return rest === '' ? undefined : join(staged.get(folder.live)!, rest);
  }
  return first === 'pg_tblspc' && second !== undefined ? undefined : entry.path;
}

function elsewhereOf({ path }: IndexEntry, { elsewhere }: RestorePaths): RestorePaths['elsewhere'][number] | undefined {
  return elsewhere.find(({ at }) => path === at || path.startsWith(`${at}/`));
}

async function giveFolders(
  paths: RestorePaths,
  staged: ReadonlyMap<string, string>,
  owner: Owner,
  dataMode: number,
): Promise<void> {
  for (const [live, path] of staged) {
    if (asOther(owner) !== undefined) await chown(path, owner.uid, owner.gid);
    await chmod(path, live === paths.data ? dataMode : 0o700);
    await syncFolder(path);
  }
}

interface ConfigStaging {
  readonly context: RestoreContext;
  readonly target: SwapTarget;
  readonly staged: Map<string, string>;
  readonly notes: string[];
}

/**
 * Stages configuration files that are missing or different. One that differs where this user may not write stays as it
 * is: the database matters more. Returns how many stayed so. A missing one that cannot be written is refused, and a
 * missing link to one.
 */
async function stageConfig({ config, configLinks }: RestorePaths, staging: ConfigStaging): Promise<number> {
  const { repository, record } = staging.context;
  for (const { path } of configLinks) if (!(await isPresent(path))) await refuseUnwritable(path, record.id);
  let kept = 0;
  for (const file of config) {
    const content = await repository.readFile(record.indexId, file.stored);
    if (content === undefined) {
      throw new LifeboatError('ManifestInvalid', `the recovery point lacks \`${file.stored}\``, {
        component: record.id,
      });
    }
    const named = file.named ?? file.path;
    const present = await readFile(named).catch((error: unknown) => (isAbsence(error) ? undefined : 'unreadable'));
    if (present instanceof Buffer && (file.onlyIfMissing === true || present.equals(content))) continue;
    const leads = (await followLinks(named, configLinks))?.end;
    const live = leads === file.path ? file.path : named;
    if (present !== undefined && !(await isWritable(await nearestExisting(dirname(live))))) {
      kept++;
      continue;
    }
    await refuseUnwritable(live, record.id);
    if (live !== file.path)
      staging.notes.push(`\`${named}\` led to \`${file.path}\` and no longer does; it is written where it is`);
    await writeConfig(file, live, content, staging);
  }
  return kept;
}

async function refuseUnwritable(path: string, component: string): Promise<void> {
  if (await isWritable(await nearestExisting(dirname(path)))) return;
  throw new LifeboatError('PermissionDenied', `\`${path}\` is missing and its folder cannot be written`, {
    component,
    hint:
      process.getuid?.() === 0
        ? refusedHint('EACCES', 0)
        : `run the worker as root, or: chown $(id -un) '${dirname(path)}'`,
  });
}

async function writeConfig(
  file: ConfigFile,
  live: string,
  content: Uint8Array,
  { context, target, staged }: ConfigStaging,
): Promise<void> {
  const path = await stagingPath(live, target.component, context.token);
  await makeParents(dirname(path));
  const handle = await open(path, 'w', 0o600);
  try {
    await handle.writeFile(content);
    if (process.getuid?.() === 0 && file.uid !== undefined && file.gid !== undefined) {
      await handle.chown(file.uid, file.gid);
    }
    await handle.chmod(file.mode ?? 0o640);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(dirname(path));
  staged.set(live, path);
}
