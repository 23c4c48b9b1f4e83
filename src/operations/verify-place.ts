/**
 * The daily look at one place: its newest recovery point read again (L1), inspected (L3) and weighed (L2), and a share of
 * all packs re-read, so that each was read within a month. What is damaged is written beside every point that needs it:
 * from then on it is never chosen, and writers store its blocks anew.
 */
import type { ReportProgress } from '../domain/progress.ts';
import { isRefuted, type BackupId, type BackupType, type Manifest } from '../domain/recovery-point.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Repository } from '../repository/repository.ts';
import { verifyPoint } from './verify-point.ts';

/** Days in which every pack is read once. */
const rereadParts = 30;

export interface VerifyPlaceOptions {
  /** The repository, or its copy in a location. */
  readonly repository: Repository;
  readonly driver: (component: string) => Driver;
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
  const { repository, driver, now, onProgress, signal } = options;
  const newest = await newestId(repository);
  const part = Math.floor(now.getTime() / 86_400_000) % rereadParts;
  const { objects: reread, damagedPacks } = await repository.reread({ part, parts: rereadParts, onProgress, signal });
  const refuted = damagedPacks.length === 0 ? [] : await refute(repository, damagedPacks, newest);
  if (newest === undefined)
    return {
      id: null,
      ok: false,
      objects: 0,
      bytes: 0,
      problems: ['No backup manifest found'],
      notes: [],
      reread,
      refuted,
    };
  const result = await verifyPoint({
    repository,
    at: newest,
    components: [],
    levels: ['L1', 'L2', 'L3'],
    driver,
    onProgress,
    signal,
    orThrow: false,
  });
  const damaged = damagedPacks.map((id) => `pack ${id} is damaged`);
  return {
    id: result.id,
    ok: result.ok && damaged.length === 0,
    objects: result.objects,
    bytes: result.bytes,
    problems: [...result.problems, ...damaged],
    notes: [...result.notes, ...result.uninspected.map((id) => `${id} is not configured any more`)],
    reread,
    refuted,
  };
}

/** Of everything, where there is one: the frequent points of one tier say little of the rest. A damaged one is the newest, too. */
async function newestId(repository: Repository): Promise<BackupId | undefined> {
  const listings = await repository.listManifests();
  const ofAll = listings.find(({ manifest }) => manifest === undefined || wholeTypes.includes(manifest.lifeboat.type));
  return (ofAll ?? listings[0])?.timestamp;
}

const wholeTypes: readonly BackupType[] = ['full', 'incremental'];

/** The newest is verified anyway, and says more itself. */
async function refute(
  repository: Repository,
  damagedPacks: readonly string[],
  newest: BackupId | undefined,
): Promise<BackupId[]> {
  const refuted: BackupId[] = [];
  for (const { manifest } of await repository.listManifests()) {
    if (manifest === undefined || manifest.timestamp === newest) continue;
    const own = damagedIn(manifest, damagedPacks);
    if (own.length === 0 || isRefuted(await repository.pointState(manifest.timestamp))) continue;
    await repository.putProof(manifest.timestamp, {
      kind: 'verify',
      levels: ['L1'],
      ok: false,
      state: 'failed',
      problemCount: own.length,
      problems: own.map((id) => `pack ${id} is damaged`),
      damagedPacks: own,
    });
    refuted.push(manifest.timestamp);
  }
  return refuted;
}

function damagedIn({ backup_files: files }: Manifest, damagedPacks: readonly string[]): string[] {
  return damagedPacks.filter((id) => files.some(({ filename }) => filename === id));
}
