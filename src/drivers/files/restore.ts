/** Restoring configured paths: each is staged beside itself, checked there, and swapped as one pair. */
import { join } from 'node:path';
import type { FilesConfig } from '../../domain/appliance.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import type { RestoreContext, RestoreTarget, StageFacts } from '../driver.ts';
import { ensureRoom, notDamaged } from '../folder/room.ts';
import { treeBytes } from '../tree/tree-threads.ts';
import { makeStaging, removeStaging, stagedOrRemoved, stagingPath } from '../swap/staging.ts';
import { clearLive, swapBack, swapIn, swapState } from '../swap/swap.ts';
import { restoreTargetOf } from '../swap/target.ts';
import { damagedRoots } from './damage.ts';
import { admittedRoot, isReserved, rootsOf } from './paths.ts';
import type { FencingToken } from '../../domain/fencing-token.ts';
import type { SwapPair, SwapTarget, SwapTuning } from '../swap/target-types.ts';

export interface FilesRestore {
  readonly config: FilesConfig;
  readonly tuning: SwapTuning;
}

/** One target per configured path. The manifest knows only the sum of bytes: it is shared out by what is live. */
export async function filesTargets(config: FilesConfig, record: ComponentRecord): Promise<RestoreTarget[]> {
  const roots = rootsOf(config.paths);
  const shares = await needPerRoot(roots, record.bytes);
  const targets: RestoreTarget[] = [];
  for (const root of roots) {
    targets.push(await rootTarget(root, shares.get(root) ?? 0));
  }
  return targets;
}

export async function rootTarget(root: string, needBytes: number): Promise<RestoreTarget> {
  const mountHint = (mount: string): string =>
    `name what lies beside \`${mount}\` as paths instead of \`${root}\`, and the mount as a path of its own`;
  return restoreTargetOf({ live: root, needBytes, mountHint });
}

/**
 * Fetches and verifies every configured path of the index into this attempt's own staging. NoSpace before the first byte;
 * Precondition where `--replace-damaged` meets good data.
 */
export async function stageFiles({ config, tuning }: FilesRestore, context: RestoreContext): Promise<StageFacts> {
  const { token } = context;
  const roots = rootsOf(config.paths);
  const sizes = await sizesInIndex(config, context);
  const target = targetOf({ config, tuning }, token);
  const replace = {
    damaged: async () => damagedOnly(config, context.signal),
    clear: async (lives: readonly string[]) => clearLive(target, lives),
  };
  await ensureRoom(sizes, {
    component: config.id,
    removeLeftovers: async () => removeStaging(target),
    ...(context.replaceDamaged ? { replace } : {}),
  });
  const progress = { files: 0, bytes: 0 };
  const notes = await stagedOrRemoved(target, async () =>
    fetchRoots({ config, roots, found: sizes.keys(), progress }, context),
  );
  return { ...progress, facts: { paths: sizes.size }, notes };
}

interface Fetch {
  readonly config: FilesConfig;
  readonly roots: readonly string[];
  /** The roots that the index holds. */
  readonly found: Iterable<string>;
  readonly progress: { files: number; bytes: number };
}

/** What could not be brought back. */
async function fetchRoots({ config, roots, found, progress }: Fetch, context: RestoreContext): Promise<string[]> {
  const notes: string[] = [];
  const { record, repository, token, signal, onProgress } = context;
  for (const root of found) {
    // Whole paths below the staging: so names that are no text, and targets of hard links, stay as they are.
    const fetched = await makeStaging(root, config.id, token);
    const report = (state: Parameters<typeof onProgress>[0]): void =>
      onProgress({ ...state, bytesDone: progress.bytes + state.bytesDone, bytesTotal: record.bytes });
    const result = await repository.materialize({
      indexId: record.indexId,
      into: fetched,
      place: (entry) =>
        !isReserved(entry.path) && admittedRoot(entry, roots, config.id) === root ? entry.path : undefined,
      owner: process.getuid?.() === 0 ? 'recorded' : 'self',
      onProgress: report,
      signal,
    });
    progress.files += result.files;
    progress.bytes += result.bytes;
    notes.push(...result.notes);
  }
  return notes;
}

export async function swapFiles({ config, tuning }: FilesRestore, context: RestoreContext): Promise<void> {
  const pairs: SwapPair[] = [];
  for (const live of await rootsInIndex(config, context))
    pairs.push({ live, staged: await stagedPath(config, live, context.staged) });
  await swapIn({ ...targetOf({ config, tuning }, context.token), pairs });
}

/** Where `stageFiles` under this token put the data of a configured path. */
export async function stagedPath(config: FilesConfig, live: string, staged: FencingToken): Promise<string> {
  return join(await stagingPath(live, config.id, staged), live.slice(1));
}

export async function undoFiles(files: FilesRestore, token: FencingToken): Promise<void> {
  const target = targetOf(files, token);
  await swapBack(target);
  await removeStaging(target);
}

export async function commitFiles(
  files: FilesRestore,
  token: FencingToken,
): Promise<{ readonly safetyCopies: readonly string[] }> {
  const target = targetOf(files, token);
  await removeStaging(target);
  return { safetyCopies: (await swapState(target)).ownCopies };
}

/** All configured paths, whatever a recovery point holds of them: the first one decides where journal and lease lie. */
function targetOf({ config, tuning }: FilesRestore, token: FencingToken): SwapTarget {
  return { component: config.id, lives: rootsOf(config.paths), token, tuning };
}

/** Configured paths that the index holds, in the configured order, with their bytes. ManifestInvalid for any other path. */
async function sizesInIndex(
  config: FilesConfig,
  { repository, record, signal }: RestoreContext,
): Promise<Map<string, number>> {
  const roots = rootsOf(config.paths);
  const found = new Map<string, number>();
  for await (const entry of repository.readIndex(record.indexId, signal)) {
    if (isReserved(entry.path)) continue;
    const root = admittedRoot(entry, roots, config.id);
    found.set(root, (found.get(root) ?? 0) + (entry.type === 'file' ? entry.size : 0));
  }
  return new Map(roots.flatMap((root) => (found.has(root) ? [[root, found.get(root) ?? 0]] : [])));
}

/** The same without their bytes. Of one path alone the index, which is that of a capture with at least a file, holds it. */
async function rootsInIndex(config: FilesConfig, context: RestoreContext): Promise<Iterable<string>> {
  const roots = rootsOf(config.paths);
  return roots.length === 1 ? roots : (await sizesInIndex(config, context)).keys();
}

async function damagedOnly(config: FilesConfig, signal: AbortSignal): Promise<readonly string[]> {
  const damaged = await damagedRoots(config, signal);
  if (damaged.length === 0) throw notDamaged(rootsOf(config.paths), config.id);
  return damaged;
}

async function needPerRoot(roots: readonly string[], bytes: number): Promise<Map<string, number>> {
  const [only, another] = roots;
  if (only !== undefined && another === undefined) return new Map([[only, bytes]]);
  const live = await Promise.all(roots.map(async (root) => ({ root, bytes: await treeBytes(root) })));
  const total = live.reduce((sum, path) => sum + path.bytes, 0);
  if (total === 0) return new Map(roots.slice(0, 1).map((root) => [root, bytes]));
  return new Map(live.map((path) => [path.root, Math.ceil((bytes * path.bytes) / total)]));
}
