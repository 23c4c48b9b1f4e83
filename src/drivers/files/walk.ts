/** Walks the configured paths, names as bytes, without following links (but a configured path that is one is followed). */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { EntryMeta, OtherEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
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
  | { readonly kind: 'skipped'; readonly path: string; readonly what: string };

export interface WalkOptions {
  readonly component: string;
  readonly roots: readonly string[];
  readonly exclude: readonly string[];
  readonly owners: Owners;
}

/** A folder comes before what is in it; names in byte order. SourceEmpty for an absent root, PermissionDenied. */
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
  const stats = await lstat(actual, { bigint: true }).catch((error: unknown) => {
    // Between listing and looking a file may go: it is then not part of the capture.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(error, logical.toString(), component);
  });
  if (stats === undefined) return;
  if (!stats.isDirectory()) {
    yield describeLeaf(
      visit,
      stats,
      stats.isSymbolicLink() ? await readlink(actual, { encoding: 'buffer' }) : undefined,
    );
    return;
  }
  yield { kind: 'other', stats, source: actual, entry: { ...describe(visit, stats), type: 'directory' } };
  const children = await readdir(actual, { encoding: 'buffer' }).catch((error: unknown) => {
    throw unusable(error, logical.toString(), component);
  });
  for (const name of children.toSorted((a, b) => Buffer.compare(a, b))) {
    const path = childPath(logical, name);
    if (isLifeboatName(name.toString('latin1')) || visit.isExcluded(path.toString('utf8'), visit.root)) continue;
    yield* walkFrom({ ...visit, logical: path, actual: childPath(actual, name) });
  }
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
