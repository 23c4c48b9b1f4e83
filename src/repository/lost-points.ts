/**
 * Recovery points that were sealed and are gone, though nothing says that retention took them. The chain of manifests shows
 * what is gone between two that are there; the newest has no successor that would name it. That it was sealed say the
 * authenticated report of its run, its proofs, and whoever else is asked (copies, Temporal).
 */
import { backupWorkflows, timeOfBackupId, type BackupId } from '../domain/recovery-point.ts';
import { datedPoint, disprovedDates } from '../domain/seal-order.ts';
import { manifestIds } from './catalogue.ts';
import { isUnreadable } from './document.ts';
import type { Expiries } from './expiry.ts';
import { inLanes } from '../domain/in-lanes.ts';
import { smallAtOnce } from './at-once.ts';
import { layout, originalName, recoveryKit } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import { openProofBook, type ProofBook } from './proof-book.ts';
import { unreadableManifest } from './refutations.ts';
import { readReport } from './reports.ts';
import type { ProofContext } from './proof-types.ts';
import type { ManifestListing } from './manifest-listing.ts';

export interface LostOptions {
  /**
   * Which reports of backups are read: those of runs since the newest point that is listed (`recent`), all (the newest
   * 2,000), or none. `listed`: the recent ones too, but only against a listing that leaves out a point which lies there;
   * in a copy reports may be ahead of the points.
   */
  readonly reports: 'recent' | 'all' | 'listed' | 'none';
  /** What others say to have been sealed: by id, who says so. */
  readonly named?: ReadonlyMap<BackupId, string>;
}

interface Context extends ProofContext {
  readonly expiries: Expiries;
}

/** Ended with a manifest. */
const sealedStates: readonly unknown[] = ['sealed', 'partial', 'suspect'];
const maxReports = { recent: 500, listed: 500, all: 2000 } as const;

/** A run may wait for the appliance before it reserves the id of its point. */
const beforeMs = 86_400_000;

/**
 * Newest first. What the chain of manifests shows is not among them: that is in their list. A point that lies there but is
 * not listed is among them, without `isGone`: what is done by such a listing would take away what that point needs.
 */
export async function lostPoints(
  context: Context,
  { reports, named = new Map() }: LostOptions,
): Promise<ManifestListing[]> {
  const ids = await manifestIds(context.storage);
  const there = new Set(ids);
  const known = new Map<BackupId, string>();
  const add = (id: BackupId, by: string): void => void (known.has(id) || there.has(id) || known.set(id, by));
  const byReports = reports === 'none' ? [] : await sealedByReports(context, reports, await newestDate(context, ids));
  for (const { id, by } of byReports) add(id, by);
  const mayBeAhead = new Set(reports === 'listed' ? known.keys() : []);
  const book = await openProofBook(context);
  for (const id of book.subjects)
    if (id !== recoveryKit && !there.has(id) && (await isProven(book, id))) add(id, 'its proofs are there');
  // A repository that was begun anew beside its copies never held what is older than its own oldest point.
  const [oldest] = [...ids, ...known.keys()].toSorted();
  for (const [id, by] of named) if (oldest !== undefined && id > oldest) add(id, by);
  const lost: ManifestListing[] = [];
  for (const [timestamp, by] of [...known].toSorted(([a], [b]) => (a < b ? 1 : -1))) {
    const key = layout.manifest(timestamp);
    if ((await context.storage.stat(key)) !== undefined) {
      const problem = `recovery point ${timestamp} lies in ${context.storage.description}, but its listing leaves it out`;
      // It may have been sealed since the first look.
      if (!(await manifestIds(context.storage)).includes(timestamp)) lost.push({ timestamp, key, problem });
    } else if (!mayBeAhead.has(timestamp) && !(await context.expiries.explain(timestamp)))
      lost.push({ timestamp, key, problem: `recovery point ${timestamp} is gone: ${by}`, isGone: true });
  }
  return lost;
}

/** One whose date is disproved would hide the reports of all days until then. */
async function newestDate({ manifests }: Context, ids: readonly BackupId[]): Promise<BackupId | undefined> {
  const points = ((await manifests?.()) ?? []).map((manifest) =>
    datedPoint({ timestamp: manifest.timestamp, manifest }),
  );
  const disproved = disprovedDates(points);
  return ids.findLast((id) => !disproved.has(id));
}

/** By names anybody can put there; by what authenticates. */
async function isProven(book: ProofBook, id: BackupId): Promise<boolean> {
  return (await book.known(id)).proofs.some((proof) => proof[unreadableManifest] !== true);
}

interface Sealed {
  readonly id: BackupId;
  readonly by: string;
}

async function sealedByReports(
  context: Context,
  which: keyof typeof maxReports,
  newest: BackupId | undefined,
): Promise<Sealed[]> {
  const since = which === 'all' || newest === undefined ? 0 : (timeOfBackupId(newest)?.getTime() ?? 0) - beforeMs;
  const found: { readonly key: string; readonly time: number }[] = [];
  for (const type of Object.values(backupWorkflows))
    for await (const { key, modifiedAt } of ownObjects(context.storage, layout.reportsOf(type))) {
      const [began, stored] = [startOf(key), modifiedAt.getTime()];
      // A copy of a repository may have lost the times of its files, and an id need not hold one.
      if (Math.max(began ?? 0, stored) >= since) found.push({ key, time: began ?? stored });
    }
  const newestFirst = found.toSorted((a, b) => b.time - a.time).slice(0, maxReports[which]);
  const sealed = await inLanes(smallAtOnce, newestFirst, async ({ key }): Promise<Sealed[]> => {
    const id = await sealedIn(context, key);
    return id === undefined ? [] : [{ id, by: `${key} says that it was sealed` }];
  });
  return sealed.flat();
}

/** When the run began, by the end of its id: `fullBackup/<appliance>/<time>`, `fullBackup/<appliance>-<time>`. */
function startOf(key: string): number | undefined {
  const name = originalName(key.slice(key.lastIndexOf('/') + 1, -'.json'.length));
  const time = Date.parse(/\d{4}-\d\d-\d\dT[\d:.]+Z$/.exec(name)?.[0] ?? '');
  return Number.isNaN(time) ? undefined : time;
}

async function sealedIn({ storage, secrets }: Context, key: string): Promise<BackupId | undefined> {
  try {
    const { state, backup } = await readReport(storage, key, secrets);
    return sealedStates.includes(state) && typeof backup === 'string' && timeOfBackupId(backup) !== undefined
      ? backup
      : undefined;
  } catch (error) {
    // A damaged one says nothing.
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}
