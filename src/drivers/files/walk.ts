/** Walks the configured paths, names as bytes, without following links (but a configured path that is one is followed). */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { EntryMeta, OtherEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { hasVanished } from '../../domain/vanished.ts';
import { childPath } from '../swap/disk.ts';
import { isLifeboatName } from '../swap/names.ts';
import { longestStaged, longPath, refuseLongPath } from './long-path.ts';
import { excluder } from './exclude.ts';
import type { Owners } from './owners.ts';
import { entryPath, linkTarget, pathBytes } from './paths.ts';
import { specialKind } from './special-kind.ts';

/** `source` is where the entry was found: a configured path may be a link. */
export type Found =
  | {
      readonly kind: 'file';
      readonly entry: EntryMeta & { readonly type: 'file' };
      readonly source: Buffer;
      readonly stats: BigIntStats;
    }
  | { readonly kind: 'other'; readonly entry: OtherEntry; readonly source: Buffer; readonly stats: BigIntStats }
  | { readonly kind: 'skipped'; readonly path: string; readonly what: string }
  /** Listed, and then gone or something else. */
  | { readonly kind: 'vanished'; readonly path: string };

export interface WalkOptions {
  readonly component: string;
  readonly roots: readonly string[];
  readonly exclude: readonly string[];
  readonly owners: Owners;
}

/**
 * A folder comes before what is in it; names in byte order. SourceEmpty for an absent root, SourceChanged for one that was
 * exchanged meanwhile, PermissionDenied.
 */
export async function* walk(options: WalkOptions): AsyncGenerator<Found> {
  const isExcluded = excluder(options.exclude);
  for (const root of options.roots) {
    const real = await realpath(root).catch((error: unknown) => {
      throw unusable(error, root, options.component);
    });
    // First names of hard links, per configured path: each is restored, and swapped, by itself.
    const firstNames = new Map<string, Buffer>();
    yield* walkFrom({
      logical: Buffer.from(root),
      actual: Buffer.from(real),
      root,
      longest: longestStaged(dirname(real), options.component),
      firstNames,
      isExcluded,
      ...options,
    });
  }
}

interface Visit extends WalkOptions {
  /** The path as configured, and where it leads. They differ below a configured link. */
  readonly logical: Buffer;
  readonly actual: Buffer;
  readonly root: string;
  /** Bytes that a path may have. */
  readonly longest: number;
  readonly firstNames: Map<string, Buffer>;
  readonly isExcluded: (absolute: string, root: string) => boolean;
}

async function* walkFrom(visit: Visit): AsyncGenerator<Found> {
  const { logical, actual, component } = visit;
  refuseLongPath(logical, visit.longest, component);
  const seen = await look(visit);
  if (seen === undefined) {
    if (isRoot(visit)) throw exchanged(visit.root, component);
    yield { kind: 'vanished', path: logical.toString('utf8') };
    return;
  }
  const { stats, linkText, children } = seen;
  if (children === undefined) {
    yield describeLeaf(visit, stats, linkText);
    return;
  }
  yield { kind: 'other', stats, source: actual, entry: { ...describe(visit, stats), type: 'directory' } };
  for (const name of children.toSorted((a, b) => Buffer.compare(a, b))) {
    const path = childPath(logical, name);
    if (isLifeboatName(name.toString('latin1')) || visit.isExcluded(path.toString('utf8'), visit.root)) continue;
    yield* walkFrom({ ...visit, logical: path, actual: childPath(actual, name) });
  }
}

interface Seen {
  readonly stats: BigIntStats;
  readonly linkText?: Buffer;
  /** Of a folder. */
  readonly children?: readonly Buffer[];
}

/** Undefined where it went, or became something else, before all of it was seen: it is then not part of the capture. */
async function look(visit: Visit): Promise<Seen | undefined> {
  const { logical, actual, component } = visit;
  try {
    const stats = await lstat(actual, { bigint: true });
    if (stats.isSymbolicLink()) {
      return { stats, linkText: await readlink(actual, { encoding: 'buffer' }) };
    }
    if (!stats.isDirectory()) return { stats };
    const children = await readdir(actual, { encoding: 'buffer' });
    // A link in the folder's place was followed.
    return isSameFolder(stats, await lstat(actual, { bigint: true })) ? { stats, children } : undefined;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    const wasLink = code === 'EINVAL' && syscall === 'readlink';
    if (!isRoot(visit) && (hasVanished(code) || wasLink)) return undefined;
    throw unusable(error, logical.toString(), component);
  }
}

function isRoot({ logical, root }: Visit): boolean {
  return logical.equals(Buffer.from(root));
}

/** After a walk: what lay below a folder that was exchanged, or whose disk was unmounted, vanished for another reason. */
export async function refuseExchanged(folders: ReadonlyMap<string, BigIntStats>, component: string): Promise<void> {
  for (const [root, stats] of folders) {
    const now = await stat(root, { bigint: true }).catch((error: unknown) => {
      throw unusable(error, root, component);
    });
    if (!isSameFolder(stats, now)) throw exchanged(root, component);
  }
}

/** The number alone may be given again at once, to whatever takes the folder's place. */
function isSameFolder(one: BigIntStats, other: BigIntStats): boolean {
  return other.isDirectory() && one.dev === other.dev && one.ino === other.ino;
}

function exchanged(root: string, component: string): LifeboatError {
  return new LifeboatError('SourceChanged', `the configured path \`${root}\` was exchanged while it was read`, {
    component,
    hint: 'tried again by itself; a disk may have been unmounted',
  });
}

function describeLeaf(visit: Visit, stats: BigIntStats, linkText: Buffer | undefined): Found {
  const source = visit.actual;
  const meta = describe(visit, stats);
  if (linkText !== undefined) {
    return { kind: 'other', stats, source, entry: { ...meta, type: 'symlink', ...linkTarget(linkText) } };
  }
  if (!stats.isFile()) return { kind: 'skipped', path: visit.logical.toString('utf8'), what: specialKind(stats) };
  if (stats.nlink > 1n) {
    const identity = `${stats.dev}:${stats.ino}`;
    const first = visit.firstNames.get(identity);
    if (first !== undefined)
      return { kind: 'other', stats, source, entry: { ...meta, type: 'hardlink', ...linkTarget(first) } };
    visit.firstNames.set(identity, pathBytes(meta));
  }
  const isSparse = stats.blocks * 512n < stats.size;
  return {
    kind: 'file',
    stats,
    source,
    entry: { ...meta, type: 'file', ...(isSparse ? { sparse: true } : {}) },
  };
}

function describe({ logical, owners }: Visit, stats: BigIntStats): Omit<EntryMeta, 'type'> {
  const [uid, gid] = [Number(stats.uid), Number(stats.gid)];
  const mode = Number(stats.mode & 0o7777n);
  return { ...entryPath(logical), mode, mtimeNs: stats.mtimeNs.toString(), uid, gid, ...owners.names(uid, gid) };
}

/** The error of this catalogue for a path that cannot be read. */
export function unusable(error: unknown, path: string, component: string): LifeboatError {
  if (error instanceof LifeboatError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENAMETOOLONG') return longPath(Buffer.from(path), longestStaged('', component), component);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new LifeboatError('SourceEmpty', `the configured path \`${path}\` does not exist`, {
      component,
      cause: error,
    });
  if (code === 'EACCES' || code === 'EPERM')
    return new LifeboatError('PermissionDenied', `may not read \`${path}\``, {
      component,
      hint: refusedHint(code, process.getuid?.()),
      cause: error,
    });
  return new LifeboatError('SourceCorrupt', `cannot read \`${path}\`: ${message}`, { component, cause: error });
}
