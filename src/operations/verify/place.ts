/**
 * The daily look at one place: its newest recovery point read again (L1), inspected (L3) and weighed (L2), a share of
 * everything stored re-read, so that each object was read within a month, and WAL within a week, and the names of archived
 * WAL compared with what all points need. What is damaged or lacks is written beside every point that needs it: from then on
 * it is never chosen, and writers store its blocks anew. Damaged WAL leaves the archive: then a new base is made by itself,
 * and in a copy the whole piece comes again.
 */
import { z } from 'zod';
import type { ReportProgress } from '../../domain/progress.ts';
import { isRefuted, type BackupId, type BackupType } from '../../domain/recovery-point.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { ownPoints } from '../../domain/whose-point.ts';
import type { Driver } from '../../drivers/driver.ts';
import type { Repository } from '../../repository/repository.ts';
import { lookAround } from './look-around.ts';
import { lostFailureText } from './lost-proofs.ts';
import { brokenTexts, putRefutation, refute, refuteChains, refuteUnreadable } from './refute.ts';
import { verifyPoint, type VerifyResult } from './recovery-point.ts';

/** Days in which everything is read once. */
const shares = 30;
/** A divisor of `shares`. WAL stays for a week, what older bases need longer. */
const walShares = 6;
/** After days on which nobody looked, at most so many are made up for in one. */
const maxShares = 3;
const dayMs = 86_400_000;

export interface VerifyPlaceOptions {
  /** The repository, or its copy in a location. */
  readonly repository: Repository;
  /** Where it is kept how far the re-reading of the place has come. */
  readonly own: Repository;
  /** Its name. */
  readonly place: string;
  readonly driver: (component: string) => Promise<Driver>;
  readonly now: Date;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface VerifiedPlace {
  /** Null where there is no recovery point at all. */
  readonly id: BackupId | null;
  readonly ok: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly problems: readonly string[];
  /** Worth a look, and nothing against the point. */
  readonly notes: readonly string[];
  readonly reread: number;
  /** Other points that a damaged pack touches. */
  readonly refuted: readonly BackupId[];
}

export async function verifyPlace(options: VerifyPlaceOptions): Promise<VerifiedPlace> {
  const { repository, onProgress, signal } = options;
  const next = await nextShares(options);
  const read = await repository.reread({
    shares: next,
    of: shares,
    walShares: next.map((share) => share % walShares),
    walOf: walShares,
    onProgress,
    signal,
  });
  const { damagedPacks, damagedIndexes, damagedWal, damagedDocuments } = read;
  const newest = await newestId(repository);
  const isDamaged = damagedPacks.length + damagedIndexes.length > 0;
  const refuted = [
    ...(await refuteUnreadable(repository)),
    ...(isDamaged ? await refute(repository, read, newest) : []),
  ];
  const result = newest === undefined ? nothingThere : await verifyAt(options, newest);
  const again = await longestRefuted(repository, newest);
  if (again !== undefined) await verifyAt(options, again);
  const unmoved = [
    ...(await whyUnmoved(async () => repository.quarantineWal(damagedWal))),
    ...(await whyUnmoved(async () => repository.quarantineDocuments(damagedDocuments))),
  ];
  const around = await lookAround(options);
  // From now on it is not chosen, until it is looked at again: tomorrow, or by hand.
  for (const failure of around.failures) await putRefutation(repository, failure.id, [lostFailureText(failure)], []);
  refuted.push(...(await refuteChains(repository, around.chains)));
  // Last: a look that ended before it could tell reads the same share again.
  await noteShares(options, next);
  const damaged = [
    ...damagedPacks.map((id) => `pack ${id} is damaged`),
    ...[...damagedIndexes, ...damagedWal, ...damagedDocuments].map((key) => `${key} is damaged`),
    ...unmoved,
    ...around.unreadable,
    ...around.lost,
    ...around.failures.map(lostFailureText),
    ...around.chains.flatMap(brokenTexts),
    ...around.scripts.problems,
  ];
  return {
    id: result.id,
    ok: result.ok && damaged.length === 0,
    objects: result.objects,
    bytes: result.bytes,
    problems: [...result.problems, ...damaged],
    notes: [
      ...result.notes,
      ...result.uninspected.map((id) => `${id} is not configured any more`),
      ...around.gaps,
      ...around.scripts.notes,
    ],
    reread: read.objects,
    refuted,
  };
}

const nothingThere = {
  id: null,
  ok: false,
  objects: 0,
  bytes: 0,
  problems: ['No backup manifest found'],
  notes: [],
  uninspected: [],
} as const;

/** A manifest that cannot be read is what was found, and no reason to say nothing of the rest. */
async function verifyAt(
  { repository, driver, onProgress, signal }: VerifyPlaceOptions,
  at: BackupId,
): Promise<Pick<VerifyResult, 'id' | 'ok' | 'objects' | 'bytes' | 'problems' | 'notes' | 'uninspected'>> {
  try {
    return await verifyPoint({
      repository,
      at,
      components: [],
      levels: ['L1', 'L2', 'L3'],
      driver,
      onProgress,
      signal,
      orThrow: false,
    });
  } catch (error) {
    if (!isLifeboatError(error, 'ManifestInvalid', 'ObjectCorrupt')) throw error;
    return { id: at, ok: false, objects: 0, bytes: 0, problems: [error.message], notes: [], uninspected: [] };
  }
}

/**
 * One a day of those that failed before, in turn: what it lacks may have come again since, and only a look that is as
 * deep makes it good. A restore test that failed is not lifted by one.
 */
async function longestRefuted(repository: Repository, newest: BackupId | undefined): Promise<BackupId | undefined> {
  const refuted: { readonly id: BackupId; readonly lookedAt: string }[] = [];
  const listings = await repository.listManifests();
  const book = await repository.proofBook();
  const states = await book.states(listings.map(({ timestamp }) => timestamp));
  for (const { manifest, timestamp: id } of listings) {
    if (manifest === undefined || id === newest || !isRefuted(states.get(id))) continue;
    const { proofs } = await book.known(id);
    if (proofs.some(({ ok, levels }) => ok === false && Array.isArray(levels) && levels.includes('L4'))) continue;
    refuted.push({
      id,
      lookedAt:
        proofs
          .map(({ at }) => (typeof at === 'string' ? at : ''))
          .toSorted()
          .at(-1) ?? '',
    });
  }
  return refuted.toSorted((a, b) => (a.lookedAt < b.lookedAt ? -1 : 1))[0]?.id;
}

/** Why damage was not moved; empty where it was. */
export async function whyUnmoved(move: () => Promise<unknown>): Promise<string[]> {
  try {
    await move();
    return [];
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
    return [`${error.message}; ${error.hint}`];
  }
}

/** The newest point of everything, where there is one: the frequent points of one tier say little of the rest. What cannot be read is told apart. */
async function newestId(repository: Repository): Promise<BackupId | undefined> {
  const manifests = ownPoints(await repository.listManifests());
  const ofAll = manifests.find(({ lifeboat }) => wholeTypes.includes(lifeboat.type));
  return (ofAll ?? manifests[0])?.timestamp;
}

const wholeTypes: readonly BackupType[] = ['full', 'incremental'];

export const rereadReport = 'reread';

/** Which share was read last, and when. */
const noted = z.object({ last: z.int().nonnegative(), at: z.iso.datetime() });

/** In turn, one for each day since the last look. */
async function nextShares({ own, place, now }: VerifyPlaceOptions): Promise<number[]> {
  const { last = -1, at } = noted.safeParse(await own.findReport(rereadReport, place)).data ?? {};
  const days = at === undefined ? 1 : Math.round((now.getTime() - Date.parse(at)) / dayMs);
  const count = Math.min(maxShares, Math.max(1, days));
  return Array.from({ length: count }, (_, index) => (last + 1 + index) % shares);
}

/** After they were read: a run that was killed reads them again. */
async function noteShares({ own, place, now }: VerifyPlaceOptions, read: readonly number[]): Promise<void> {
  await own.putReport(rereadReport, place, { last: read.at(-1) ?? 0, at: now.toISOString() });
}
