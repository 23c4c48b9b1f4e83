/** What people must know of the recovery point that a plan stands on: what it lacks, and which newer ones are passed over. */
import type { Manifest } from '../../domain/recovery-point.ts';
import type { RestoreGoal } from '../../domain/restore/target.ts';
import { datedPoint, disprovedDates, disprovedText, newestFirst } from '../../domain/seal-order.ts';
import type { ManifestListing } from '../../repository/manifest-listing.ts';
import type { Repository } from '../../repository/repository.ts';
import { lostOf } from '../recovery-points/lost.ts';

export interface NotedChoice {
  readonly repository: Repository;
  /** False for a copy in a location. */
  readonly isOwn: boolean;
  readonly goal: RestoreGoal;
  /** As it was asked for: an id, `newest` or `latest`. */
  readonly at: string;
  /** The recovery point that was taken. */
  readonly backupId: string;
  /** Components that the point holds. */
  readonly held: readonly string[];
  /** Those that were asked for; all where empty. */
  readonly chosen: readonly string[];
  readonly rebuild: readonly string[];
  readonly configured: readonly string[];
}

export interface PlanNotes {
  /** Configured components that the recovery point does not hold: they stay as they are. */
  readonly notHeld: readonly string[];
  /** Newer recovery points that `latest` passed over, each with its reason. */
  readonly passedOver: readonly string[];
}

export async function planNotes(noted: NotedChoice): Promise<PlanNotes> {
  const { repository, isOwn, goal, at, backupId, held, chosen, rebuild, configured } = noted;
  const isLatest = at === 'latest' && goal.kind === 'point';
  const newer = isLatest ? await newerThan(repository, backupId, isOwn) : [];
  const wanted = chosen.length > 0 ? chosen : configured;
  return {
    notHeld: chosen.length > 0 ? [] : configured.filter((id) => !rebuild.includes(id) && !held.includes(id)),
    passedOver: newer.map(
      ({ listing, since }) =>
        `${listing.timestamp}: ${since === undefined ? reasonAgainst(listing, wanted) : disprovedText(since)}`,
    ),
  };
}

interface Newer {
  readonly listing: ManifestListing;
  /** Only its date says so, and this recovery point disproves that. */
  readonly since?: string;
}

/** Newest first; of the repository itself also what was sealed and is gone. */
async function newerThan(repository: Repository, id: string, isOwn: boolean): Promise<Newer[]> {
  const listings = await repository.listManifests();
  const known = new Set(listings.map(({ timestamp }) => timestamp));
  const lost = isOwn ? await lostOf(repository, { reports: 'recent' }) : [];
  const all = newestFirst([...listings, ...lost.filter(({ timestamp }) => !known.has(timestamp))], datedPoint);
  const disproved = disprovedDates(all.map(datedPoint));
  const at = all.findIndex(({ timestamp }) => timestamp === id);
  return all.flatMap((listing, index): Newer[] => {
    if (index < at) return [{ listing }];
    const since = disproved.get(listing.timestamp);
    return since === undefined || listing.timestamp < id ? [] : [{ listing, since }];
  });
}

function reasonAgainst({ manifest, problem, foreign }: ManifestListing, wanted: readonly string[]): string {
  if (manifest === undefined) return problem ?? 'cannot be read';
  if (foreign !== undefined) return `of the appliance \`${foreign}\``;
  const lacking = wanted.filter((id) => !holds(manifest, id));
  if (lacking.length > 0) return `without ${lacking.join(', ')}`;
  return manifest.success ? 'suspect, or its verification failed' : 'incomplete';
}

function holds(manifest: Manifest, id: string): boolean {
  return manifest.lifeboat.components.some((record) => record.id === id);
}
