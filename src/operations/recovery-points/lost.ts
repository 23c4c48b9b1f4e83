/** Recovery points that were sealed and are gone from the repository, by everything that knows of them. */
import type { BackupId } from '../../domain/recovery-point.ts';
import type { Repository } from '../../repository/repository.ts';
import { exposureReport, goneOf } from '../rpo/location-coverage.ts';
import type { ManifestListing } from '../../repository/manifest-listing.ts';

/** What to do about them, and about points whose manifest is damaged. */
export const lostHint =
  '`lifeboat backups recall ID` brings back what a copy still holds whole; `lifeboat backups forget ID --reason …` says that it is gone for good';

/**
 * Newest first: what the chain of manifests, reports, proofs and copies say. `all`: by all reports of backups, not only by
 * those since the newest point. `sealed`: what others know, by id, and who.
 */
export async function lostOf(
  repository: Repository,
  {
    reports,
    sealed = new Map(),
  }: { readonly reports: 'recent' | 'all'; readonly sealed?: ReadonlyMap<BackupId, string> },
): Promise<ManifestListing[]> {
  const named = new Map([...sealed, ...(await heldByCopies(repository))]);
  const inChain = (await repository.listManifests()).filter(({ isGone }) => isGone === true);
  const others = await repository.lostPoints({ reports, named });
  const known = new Set(inChain.map(({ timestamp }) => timestamp));
  return [...inChain, ...others.filter(({ timestamp }) => !known.has(timestamp))].toSorted((a, b) =>
    a.timestamp < b.timestamp ? 1 : -1,
  );
}

/** The points that a copy holds and that are gone from the repository. */
export async function goneFrom(repository: Repository, copy: Repository, location: string): Promise<BackupId[]> {
  const there = (await copy.listManifests()).flatMap(({ manifest }) => manifest?.timestamp ?? []);
  const named = new Map(there.map((id) => [id, holds(location)]));
  const lost = (await repository.lostPoints({ reports: 'none', named })).filter(({ isGone }) => isGone === true);
  const inChain = (await repository.listManifests()).filter(({ isGone }) => isGone === true);
  return [...new Set([...lost, ...inChain].map(({ timestamp }) => timestamp))].filter((id) => named.has(id)).sort();
}

/** As they were when the copies were looked at last. */
async function heldByCopies(repository: Repository): Promise<Map<BackupId, string>> {
  const held = new Map<BackupId, string>();
  for (const { id } of await repository.listReports(exposureReport))
    for (const point of await goneOf(repository, id)) held.set(point, holds(id));
  return held;
}

function holds(location: string): string {
  return `the copy in ${location} holds it`;
}
