/**
 * Walks the configured paths, names as bytes, without following links (but a configured path that is one is followed). It
 * asks the system synchronously, which costs a tenth: `walkTree` runs it on a thread.
 */
import type { BigIntStats } from 'node:fs';
import { lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { OtherEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { hasVanished } from '../../domain/vanished.ts';
import { isLifeboatName } from '../swap/names.ts';
import { longestStaged, longPath, refuseLongPath } from './long-path.ts';
import { excluder } from './exclude.ts';
import { foundFile, type FoundFile, type FoundFacts } from './found-file.ts';
import type { Owners } from './owners.ts';
import { entryPath, linkTarget, pathBytes } from './paths.ts';
import { specialKind } from './special-kind.ts';

/** `source` is where the entry was found, in latin1: a configured path may be a link. */
export type Found =
  | FoundFile
  | { readonly kind: 'other'; readonly entry: OtherEntry; readonly source: string; readonly facts: FoundFacts }
  | { readonly kind: 'skipped'; readonly path: string; readonly what: string }
  /** Listed, and then gone or something else. */
  | { readonly kind: 'vanished'; readonly path: string };

export interface WalkOptions {
  readonly component: string;
  readonly roots: readonly string[];
  readonly exclude: readonly string[];
}

/** What a walk comes to: something that was seen, or that was gone when it was looked at. Paths in latin1. */
export interface Step {
  /** The path as configured, and where it leads. They differ below a configured link. */
  readonly logical: string;
  readonly actual: string;
  readonly seen: Seen | undefined;
  /** First names of hard links below the same configured path: each is restored, and swapped, by itself. */
  readonly firstNames: Map<string, Buffer>;
}

/**
 * A folder comes before what is in it; names in byte order. SourceEmpty for an absent root, SourceChanged for one that was
 * exchanged meanwhile, PermissionDenied.
 */
export function* walk(options: WalkOptions): Generator<Step, void> {
  const isExcluded = excluder(options.exclude);
  for (const root of options.roots) {
    const real = realPath(root, options.component);
    yield* walkFrom({
      logical: latin1(root),
      actual: latin1(real),
      root,
      rootBytes: latin1(root),
      longest: longestStaged(dirname(real), options.component),
      firstNames: new Map(),
      isExcluded,
      ...options,
    });
  }
}

interface Visit extends WalkOptions {
  /** The path as configured, and where it leads, in latin1. They differ below a configured link. */
  readonly logical: string;
  readonly actual: string;
  readonly root: string;
  readonly rootBytes: string;
  /** Bytes that a path may have. */
  readonly longest: number;
  readonly firstNames: Map<string, Buffer>;
  readonly isExcluded: (absolute: string, root: string) => boolean;
}

function* walkFrom(visit: Visit): Generator<Step, void> {
  const step = stepAt(visit);
  yield step;
  yield* walkBelow(visit, step);
}

function* walkBelow(visit: Visit, { logical, actual, seen }: Step): Generator<Step, void> {
  // Texts of latin1 compare as their bytes do.
  for (const name of seen?.children?.toSorted() ?? []) {
    const path = `${logical}/${name}`;
    if (isLifeboatName(name) || visit.isExcluded(textOf(path), visit.root)) continue;
    const child = { ...visit, logical: path, actual: `${actual}/${name}` };
    const step = stepAt(child);
    yield step;
    if (step.seen?.children !== undefined) yield* walkBelow(child, step);
  }
}

function stepAt(visit: Visit): Step {
  const { logical, actual, component, firstNames } = visit;
  if (logical.length > visit.longest) refuseLongPath(Buffer.from(logical, 'latin1'), visit.longest, component);
  const seen = look(visit);
  if (seen === undefined && isRoot(visit)) throw exchanged(visit.root, component);
  return { logical, actual, seen, firstNames };
}

export interface Seen {
  readonly stats: BigIntStats;
  readonly linkText?: Buffer;
  /** Names in it, where it is a folder. */
  readonly children?: readonly string[];
}

/** Undefined where it went, or became something else, before all of it was seen: it is then not part of the capture. */
function look(visit: Visit): Seen | undefined {
  const { logical, component } = visit;
  const actual = systemPath(visit.actual);
  try {
    const stats = lstatSync(actual, { bigint: true });
    if (stats.isSymbolicLink()) return { stats, linkText: readlinkSync(actual, { encoding: 'buffer' }) };
    if (!stats.isDirectory()) return { stats };
    const children = readdirSync(actual, { encoding: 'latin1' });
    // A link in the folder's place was followed.
    return isSameFolder(stats, lstatSync(actual, { bigint: true })) ? { stats, children } : undefined;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    const wasLink = code === 'EINVAL' && syscall === 'readlink';
    if (!isRoot(visit) && (hasVanished(code) || wasLink)) return undefined;
    throw unusable(error, textOf(logical), component);
  }
}

function realPath(root: string, component: string): string {
  try {
    return realpathSync(root);
  } catch (error) {
    throw unusable(error, root, component);
  }
}

function isRoot({ logical, rootBytes }: Visit): boolean {
  return logical === rootBytes;
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

// oxlint-disable-next-line no-control-regex -- all of ASCII.
const isAscii = (bytes: string): boolean => /^[\u0000-\u007f]*$/.test(bytes);

/** For people, and for patterns of exclusion. */
function textOf(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

function systemPath(bytes: string): string | Buffer {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1');
}

/** After a walk: what lay below a folder that was exchanged, or whose disk was unmounted, vanished for another reason. */
export async function refuseExchanged(folders: ReadonlyMap<string, FoundFacts>, component: string): Promise<void> {
  for (const [root, { device, inode }] of folders) {
    const now = await stat(root, { bigint: true }).catch((error: unknown) => {
      throw unusable(error, root, component);
    });
    if (!now.isDirectory() || `${now.dev}` !== device || `${now.ino}` !== inode) throw exchanged(root, component);
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

/** What a capture makes of it. Steps are described in their order: a file's second name leads to its first. */
export function describeStep({ logical, actual: source, seen, firstNames }: Step, owners: Owners): Found {
  if (seen === undefined) return { kind: 'vanished', path: textOf(logical) };
  const { stats, linkText, children } = seen;
  const [uid, gid] = [Number(stats.uid), Number(stats.gid)];
  const meta = {
    ...(isAscii(logical) ? { path: logical.slice(1) } : entryPath(Buffer.from(logical, 'latin1'))),
    mode: Number(stats.mode) & 0o7777,
    mtimeNs: `${stats.mtimeNs}`,
    uid,
    gid,
    ...owners.names(uid, gid),
  };
  const facts = factsOf(stats);
  if (children !== undefined) return { kind: 'other', facts, source, entry: { ...meta, type: 'directory' } };
  if (linkText !== undefined)
    return { kind: 'other', facts, source, entry: { ...meta, type: 'symlink', ...linkTarget(linkText) } };
  if (!stats.isFile()) return { kind: 'skipped', path: textOf(logical), what: specialKind(stats) };
  if (facts.names > 1) {
    const identity = `${facts.device}:${facts.inode}`;
    const first = firstNames.get(identity);
    if (first !== undefined)
      return { kind: 'other', facts, source, entry: { ...meta, type: 'hardlink', ...linkTarget(first) } };
    firstNames.set(identity, pathBytes(meta));
  }
  return foundFile({ ...meta, type: 'file' }, source, facts);
}

/** What tells that something came, went or changed: a name and times, no contents. Empty for what cannot be captured. */
export function identityOf({ logical, seen }: Step): string {
  if (seen === undefined) return '';
  const { stats, linkText, children } = seen;
  if (children === undefined && linkText === undefined && !stats.isFile()) return '';
  return `${logical}\0${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}:${stats.ino}\n`;
}

function factsOf({ dev, ino, nlink, size, blocks, mtimeNs, ctimeNs }: BigIntStats): FoundFacts {
  return {
    device: `${dev}`,
    inode: `${ino}`,
    names: Number(nlink),
    size: Number(size),
    allocatedBytes: Number(blocks) * 512,
    mtimeNs: `${mtimeNs}`,
    ctimeNs: `${ctimeNs}`,
  };
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
