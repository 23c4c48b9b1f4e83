/** Where data is staged before a swap: beside the live path, under a hidden name of its own per run and attempt. */
import { existsSync } from 'node:fs';
import { chown, lstat, mkdir, readFile, readdir, realpath, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { shedInheritedAcls } from '../../attributes/write.ts';
import type { JsonValue } from '../../domain/recovery-point.ts';
import { z } from 'zod';
import { parseJson } from '../../json/parse-json.ts';
import { nearestExisting, writeDurably } from './disk.ts';
import { readJournal } from './journal.ts';
import { withLease } from './lease.ts';
import { isReceiptName, isStagingName, receiptName, receiptPrefix, stagingName } from './names.ts';
import { placeOf } from './place.ts';
import { removeTree } from './remove-tree.ts';
import { refuseUnfit } from './target.ts';
import type { FencingToken } from '../../domain/fencing-token.ts';
import { fencingTokenSchema } from './token.ts';
import type { SwapTarget } from './target-types.ts';

type StagingTarget = Pick<SwapTarget, 'component' | 'lives' | 'token'>;

/** What a complete staging says of itself. */
export interface StagedReceipt {
  readonly token: FencingToken;
  /** What was staged: the index id of the component's record. */
  readonly source: string;
  /** Live path to staged path. */
  readonly staged: Readonly<Record<string, string>>;
  /** The driver's own facts of the staging. */
  readonly facts: Readonly<Record<string, JsonValue>>;
}

/**
 * The staging path of one live path: `<folder>/.lifeboat-<component>-staging-<run>-<attempt>-<path>`. The folder is
 * the live path's parent; the mount root where the live path is a mount point or its parent is not writable; the
 * parent of the link's target where it is a symlink. Creates nothing. `token` is `context.staged` of a restore.
 */
export async function stagingPath(live: string, component: string, token: FencingToken): Promise<string> {
  return join((await placeOf(live)).folder, stagingName(component, token, live));
}

/**
 * Makes the staging path an empty 0700 directory (missing parents too), removing what an earlier call left there. It
 * hands no ACL of its parent on to what is restored into it.
 * As root it belongs to the owner of the nearest existing parent, so that an engine's own user may pass it.
 */
export async function makeStaging(live: string, component: string, token: FencingToken): Promise<string> {
  const path = await stagingPath(live, component, token);
  await removeTree(path);
  await makeParents(dirname(path));
  await mkdir(path, { mode: 0o700 });
  await shedInheritedAcls(path);
  return path;
}

/**
 * Runs a stage. Where it fails, this attempt's own staging goes at once: a staging that filled the disk leaves no room
 * even for the lease that an undo needs to remove it. No lease is needed for what nobody else may use yet.
 */
export async function stagedOrRemoved<T>(target: StagingTarget, stage: () => Promise<T>): Promise<T> {
  try {
    return await stage();
  } catch (error) {
    // What is left for any reason is removed by the undo; the reason of the failure matters more.
    for (const live of target.lives)
      await stagingPath(live, target.component, target.token)
        .then(removeTree)
        .catch(() => undefined);
    throw error;
  }
}

/**
 * Records durably that this attempt staged everything. Until then `findStaged` does not show it. What could not be
 * exchanged is refused first: the sealed facts name paths of which the plan does not know.
 */
export async function markStaged(target: StagingTarget, receipt: Omit<StagedReceipt, 'token'>): Promise<void> {
  for (const live of Object.keys(receipt.staged)) await refuseUnfit(live, target.component);
  const anchor = await anchorOf(target.lives);
  await makeParents(anchor);
  const owner = process.getuid?.() === 0 ? await lstat(anchor) : undefined;
  const content: StagedReceipt = { token: target.token, ...receipt };
  await writeDurably(join(anchor, receiptName(target.component, target.token)), JSON.stringify(content), owner);
}

/**
 * The newest complete staging of the token's run for this source, whichever attempt made it; undefined where there is
 * none, or where a staged path is gone (a swap moved it).
 */
export async function findStaged(target: StagingTarget, source: string): Promise<StagedReceipt | undefined> {
  const anchor = await anchorOf(target.lives);
  const prefix = receiptPrefix(target.component, target.token);
  const names = (await readdir(anchor).catch(() => [])).filter(
    (name) => name.startsWith(prefix) && name.endsWith('.json'),
  );
  const receipts = await Promise.all(names.map(async (name) => readReceipt(join(anchor, name))));
  return receipts
    .flatMap((receipt) => receipt ?? [])
    .filter((receipt) => receipt.source === source && Object.values(receipt.staged).every((path) => existsSync(path)))
    .toSorted((a, b) => b.token.attempt - a.token.attempt)[0];
}

const receiptSchema = z.object({
  token: fencingTokenSchema,
  source: z.string(),
  staged: z.record(z.string(), z.string()),
  facts: z.record(z.string(), z.json()),
});

/** Undefined where it is damaged: then it is staged anew. */
async function readReceipt(path: string): Promise<StagedReceipt | undefined> {
  const text = await readFile(path, 'utf8');
  try {
    return receiptSchema.parse(parseJson(text));
  } catch {
    return undefined;
  }
}

/** Missing parents, as the disaster left them; as root they belong to whom the nearest existing one belongs. */
export async function makeParents(folder: string): Promise<void> {
  const existing = await nearestExisting(folder);
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined || process.getuid?.() !== 0) return;
  const { uid, gid } = await lstat(existing);
  for (let path = folder; path !== existing && path !== dirname(path); path = dirname(path))
    await chown(path, uid, gid);
}

/**
 * Removes all staging of the component, of every attempt and older run, except what an unfinished swap still needs.
 * Takes the lease. Safe to call at any state and twice. Errors: Fenced, LockHeld.
 */
export async function removeStaging(target: SwapTarget): Promise<void> {
  const anchor = await anchorOf(target.lives);
  await withLease(
    { component: target.component, anchor, token: target.token, tuning: target.tuning ?? {} },
    async (lease) => {
      const journal = await readJournal(anchor, target.component);
      const isUnfinished = journal?.phase === 'swapping' || journal?.phase === 'backing';
      for (const name of isUnfinished ? [] : await readdir(anchor)) {
        if (!isReceiptName(name, target.component)) continue;
        lease.guard();
        await unlink(join(anchor, name));
      }
      const needed = isUnfinished ? journal.pairs.map((pair) => pair.staged) : [];
      for (const folder of await stagingFolders(target.lives)) {
        for (const name of await readdir(folder).catch(() => [])) {
          if (
            !isStagingName(name, target.component) ||
            needed.some((path) => `${path}/`.startsWith(`${join(folder, name)}/`))
          )
            continue;
          lease.guard();
          await removeTree(join(folder, name));
        }
      }
    },
  );
}

/** The folder of journal and lease: decided by the first live path. */
export async function anchorOf(lives: readonly string[]): Promise<string> {
  const first = lives[0];
  if (first === undefined) throw new RangeError('a swap needs at least one live path');
  return (await placeOf(first)).anchor;
}

async function stagingFolders(lives: readonly string[]): Promise<Set<string>> {
  const folders = new Set<string>();
  for (const live of lives) {
    const { folder } = await placeOf(live);
    folders.add(await realpath(folder).catch(() => folder));
  }
  return folders;
}
