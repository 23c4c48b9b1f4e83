/** What `lifeboat backups list` shows of every recovery point, from the repository alone. */
import { standingFailure, triedComponents, verdictOf } from '../../domain/proof-state.ts';
import { isRefuted, timeOfBackupId, type JsonValue, type Manifest } from '../../domain/recovery-point.ts';
import { datedPoint, newestFirst } from '../../domain/seal-order.ts';
import type { Hold } from '../../repository/collect/holds.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import { smallAtOnce } from '../../repository/at-once.ts';
import type { ProofBook, Repository } from '../../repository/repository.ts';
import { lostOf } from './lost.ts';
import type { ManifestListing } from '../../repository/manifest-listing.ts';

export interface PointView {
  readonly timestamp: string;
  readonly type: string;
  readonly date: string;
  readonly status: string;
  readonly components: readonly string[];
  readonly size: number;
  readonly stored: number;
  readonly files: number;
  readonly verified: Verified | null;
  readonly held: Held | null;
  readonly problem: string | null;
}

/** Who keeps it from retention, since when, and why. */
export type Held = Pick<Hold, 'by' | 'at' | 'reason'>;

/** Statuses of points without a manifest. */
export const lackingStatuses: readonly string[] = ['DAMAGED', 'GONE'];

export interface Verified {
  readonly at: string;
  readonly ok: boolean;
  /** L4 is among them only where every component went through a restore test. */
  readonly levels: readonly string[];
  /** Components that a restore test proved. */
  readonly tried: readonly string[];
}

export interface PointList {
  /** Newest first, with what is gone. */
  readonly points: readonly PointView[];
  /** Something is wrong with a manifest, or one is gone. */
  readonly hasProblem: boolean;
  readonly hasGone: boolean;
}

/** In a copy reports may be ahead of the points: there the chain alone tells what is gone. */
export async function listPoints(repository: Repository, { isCopy }: { readonly isCopy: boolean }): Promise<PointList> {
  const listings = await allListings(repository, isCopy);
  const holds = await holdsOf(repository);
  const proofs = await repository.proofBook();
  return {
    points: await inLanes(smallAtOnce, listings, async (listing) => pointView(proofs, listing, holds)),
    hasProblem: listings.some(({ problem }) => problem !== undefined),
    hasGone: listings.some(({ isGone }) => isGone),
  };
}

async function allListings(repository: Repository, isCopy: boolean): Promise<ManifestListing[]> {
  const listings = await repository.listManifests();
  if (isCopy) return listings;
  const known = new Set(listings.map(({ timestamp }) => timestamp));
  const lost = (await lostOf(repository, { reports: 'recent' })).filter(({ timestamp }) => !known.has(timestamp));
  return newestFirst([...listings, ...lost], datedPoint);
}

export async function holdsOf(repository: Repository): Promise<ReadonlyMap<string, Held>> {
  return new Map(
    (await repository.listHolds()).map(({ backupId, by, at, reason }) => [backupId, { by, at, reason }] as const),
  );
}

async function pointView(
  proofs: ProofBook,
  { timestamp, manifest, problem, isGone = false }: ManifestListing,
  holds: ReadonlyMap<string, Held>,
): Promise<PointView> {
  const components = manifest?.lifeboat.components ?? [];
  const { verified, unreadable } = await readProofs(
    proofs,
    timestamp,
    components.map(({ id }) => id),
  );
  return {
    timestamp,
    type: manifest?.lifeboat.type ?? '',
    date: timeOfBackupId(timestamp)?.toISOString() ?? '',
    status: manifest !== undefined ? statusOf(manifest) : isGone ? 'GONE' : 'DAMAGED',
    components: components.map(({ id }) => id),
    size: components.reduce((sum, { bytes }) => sum + bytes, 0),
    stored: manifest?.total_size ?? 0,
    files: components.reduce((sum, { files }) => sum + files, 0),
    verified,
    held: holds.get(timestamp) ?? null,
    problem: problem ?? unreadable,
  };
}

/** `2 of 5` where somebody chose components: good, but not everything. */
export function statusOf(manifest: Manifest): string {
  const { success, lifeboat } = manifest;
  if (!success) return 'PARTIAL';
  if (lifeboat.components.some(({ suspect }) => suspect)) return 'SUSPECT';
  const wanted = configuredThen(manifest).length;
  return lifeboat.components.length < wanted ? `${lifeboat.components.length} of ${wanted}` : 'ok';
}

/** Components that were configured when the point was made. */
export function configuredThen({ configuration: { components } }: Manifest): string[] {
  return typeof components === 'object' && components !== null ? Object.keys(components) : [];
}

/** What was proven since the last failure, and when last, by all that can be read; and what cannot. */
async function readProofs(
  book: ProofBook,
  timestamp: string,
  components: readonly string[],
): Promise<{ readonly verified: Verified | null; readonly unreadable: string | null }> {
  const known = await book.known(timestamp);
  const unreadable = known.problems.length === 0 ? null : known.problems.join('; ');
  const proofs = known.proofs
    .filter(({ kind }) => kind === 'verify')
    .toSorted((a, b) => textOf(b.at).localeCompare(textOf(a.at)));
  const [newest] = proofs;
  if (newest === undefined) return { verified: null, unreadable };
  const verdicts = proofs.map((proof) => ({ ...verdictOf(proof), at: textOf(proof.at) }));
  const failure = standingFailure(verdicts);
  if (failure !== undefined)
    return { verified: { at: failure.at, ok: false, levels: failure.levels, tried: [] }, unreadable };
  const before = verdicts.findIndex(({ state }) => isRefuted(state));
  const good = before === -1 ? verdicts : verdicts.slice(0, before);
  const tried = triedComponents(good);
  const isWhole = components.every((id) => tried.includes(id));
  const levels = [...new Set(good.flatMap((verdict) => verdict.levels))].filter((level) => level !== 'L4' || isWhole);
  return { verified: { at: textOf(newest.at), ok: true, levels: levels.sort(), tried }, unreadable };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
