/** How old the newest good copy of every configured component is, against its objective; and how the last runs ended. */
import type { Appliance, ComponentConfig } from '../../domain/appliance.ts';
import { backupWorkflows, isRefuted, type Manifest } from '../../domain/recovery-point.ts';
import { isAhead } from '../../domain/seal-order.ts';
import { maxSkewSeconds } from '../../domain/skew.ts';
import { byNewest } from '../../repository/reports.ts';
import type { ProofBook, Repository } from '../../repository/repository.ts';
import { newestBases, walStatus, type WalStatus } from '../wal/continuity.ts';
import type { ManifestListing } from '../../repository/manifest-listing.ts';
import type { RunState } from '../../domain/run-state.ts';
import { runReportOf } from '../run-report.ts';

export interface Copy {
  readonly id: string;
  /** Recovery point with the newest copy; null while there is none. */
  readonly backupId: string | null;
  /** The newest moment that can be restored: the copy's own, or the end of the WAL that is archived on top of it. */
  readonly recoverableUntil: string | null;
  /** The newest moment of a copy whose verification went well; null without one. */
  readonly verifiedUntil: string | null;
  /** Since when nothing was proven: the moment of the newest verified copy, else of the oldest one; null without a copy. */
  readonly unprovenSince: string | null;
  /** The state of archived WAL; null where none is archived. */
  readonly wal: { readonly state: WalStatus['state']; readonly reason: string } | null;
}

export interface ComponentAge extends Copy {
  readonly ageSeconds: number | null;
  readonly objectiveSeconds: number;
  readonly breached: boolean;
}

export interface EndedRun {
  readonly id: string;
  readonly state: RunState;
  /** Code of what it failed of; empty where it did not. */
  readonly code: string;
  readonly text: string;
  readonly backup: string;
  readonly endedAt: string;
  readonly seconds: number;
}

export interface Coverage {
  readonly components: readonly ComponentAge[];
  /** Newest recovery point that holds everything; null while there is none. */
  readonly newest: string | null;
  /** Newer recovery points that protect nothing, because their verification failed. */
  readonly failed: readonly string[];
  readonly lastBackup: EndedRun | null;
  readonly lastRestore: EndedRun | null;
  /** Databases that were restored and have no base of their new timeline yet, and since when their data is live. */
  readonly withoutBase: readonly { readonly id: string; readonly since: string }[];
}

export interface Copies {
  readonly components: readonly Copy[];
  readonly newest: string | null;
  readonly failed: readonly string[];
}

export async function readCoverage(repository: Repository, appliance: Appliance, now: Date): Promise<Coverage> {
  const { components, newest, failed } = await copiesOf(repository, appliance, now);
  return {
    components: components.map((copy) => ageOf(copy, objectiveOf(appliance, copy.id), now)),
    newest,
    failed,
    lastBackup: await lastRun(repository, Object.values(backupWorkflows)),
    lastRestore: await lastRun(repository, ['restore']),
    withoutBase: await withoutBase(repository, appliance),
  };
}

/** What a repository, or a copy of it, can give back of every configured component. */
export async function copiesOf(repository: Repository, appliance: Appliance, now: Date): Promise<Copies> {
  const configured = appliance.components.map(({ id }) => id);
  const latest = new Date(now.getTime() + maxSkewSeconds * 1000).toISOString();
  const listings = (await repository.listManifests()).filter(
    // A date that has not come is no age of 0: as long as it lies ahead, it says nothing.
    ({ manifest, timestamp, foreign }) =>
      foreign === undefined && (manifest?.lifeboat.sealedAt ?? '') <= latest && !isAhead(timestamp, now),
  );
  const proofs = await repository.proofBook();
  const { points, failed } = await usablePoints(proofs, listings, configured);
  const verified = await verifiedTimes(proofs, listings, configured);
  return {
    components: await Promise.all(
      appliance.components.map(async (config) =>
        copyOf(config.id, {
          points,
          verifiedUntil: verified.get(config.id) ?? null,
          oldest: oldestTime(listings, config.id),
          wal: archivesWal(config) ? await walStatus(repository, config.id) : undefined,
          latest,
        }),
      ),
    ),
    newest:
      points.find((point) => point.success && configured.every((id) => recordIn(point, id) !== undefined))?.timestamp ??
      null,
    failed,
  };
}

/** RPO of a component's tier. */
export function objectiveOf({ components, objectives }: Appliance, id: string): number {
  const tier = components.find((config) => config.id === id)?.tier ?? 'critical';
  return objectives.rpoSeconds[tier];
}

export function ageOf<T extends { readonly recoverableUntil: string | null }>(
  copy: T,
  objectiveSeconds: number,
  now: Date,
): T & Pick<ComponentAge, 'ageSeconds' | 'objectiveSeconds' | 'breached'> {
  const { recoverableUntil } = copy;
  const ageSeconds =
    recoverableUntil === null ? null : Math.max(0, (now.getTime() - Date.parse(recoverableUntil)) / 1000);
  return { ...copy, ageSeconds, objectiveSeconds, breached: ageSeconds === null || ageSeconds > objectiveSeconds };
}

/** Points newest first, until every component and the whole have one; those whose verification failed apart. */
async function usablePoints(
  proofs: ProofBook,
  listings: readonly ManifestListing[],
  configured: readonly string[],
): Promise<{ points: Manifest[]; failed: string[] }> {
  const points: Manifest[] = [];
  const failed: string[] = [];
  for (const { manifest, problem } of listings) {
    if (manifest === undefined || problem !== undefined) continue;
    const state = await proofs.state(manifest.timestamp);
    if (isRefuted(state)) failed.push(manifest.timestamp);
    else points.push(manifest);
    const isWhole = points.some((point) => point.success && configured.every((id) => isGood(recordIn(point, id))));
    if (isWhole) break;
  }
  return { points, failed };
}

/** The moment of each component's newest copy in a point that is verified. */
async function verifiedTimes(
  proofs: ProofBook,
  listings: readonly ManifestListing[],
  configured: readonly string[],
): Promise<Map<string, string>> {
  const times = new Map<string, string>();
  for (const { manifest } of listings) {
    if (configured.every((id) => times.has(id))) break;
    const news = manifest?.lifeboat.components.filter(({ id, suspect }) => !suspect && !times.has(id)) ?? [];
    if (manifest === undefined || news.length === 0 || !proofs.subjects.has(manifest.timestamp)) continue;
    if ((await proofs.state(manifest.timestamp)) !== 'verified') continue;
    for (const { id, capturedUntil } of news) times.set(id, capturedUntil);
  }
  return times;
}

function oldestTime(listings: readonly ManifestListing[], id: string): string | null {
  const point = listings.findLast(({ manifest }) => manifest !== undefined && isGood(recordIn(manifest, id)));
  return point?.manifest === undefined ? null : (recordIn(point.manifest, id)?.capturedUntil ?? null);
}

function archivesWal(config: ComponentConfig): boolean {
  return config.kind === 'postgres' && config.wal.archive;
}

/** A component's own record counts also in a point that lacks others; a suspect one does not. */
function copyOf(
  id: string,
  {
    points,
    verifiedUntil,
    oldest,
    wal,
    latest,
  }: {
    readonly points: readonly Manifest[];
    readonly verifiedUntil: string | null;
    readonly oldest: string | null;
    readonly wal: WalStatus | undefined;
    readonly latest: string;
  },
): Copy {
  const point = points.find((candidate) => isGood(recordIn(candidate, id)));
  const captured = point === undefined ? null : (recordIn(point, id)?.capturedUntil ?? null);
  const covered = wal?.state === 'continuous' && (wal.coveredUntil ?? '') <= latest ? wal.coveredUntil : null;
  return {
    id,
    backupId: point?.timestamp ?? null,
    verifiedUntil,
    unprovenSince: verifiedUntil ?? oldest,
    recoverableUntil: covered !== null && covered > (captured ?? '') ? covered : captured,
    wal: wal === undefined ? null : { state: wal.state, reason: wal.reason },
  };
}

function isGood(record: Manifest['lifeboat']['components'][number] | undefined): boolean {
  return record?.suspect === false;
}

function recordIn({ lifeboat }: Manifest, id: string): Manifest['lifeboat']['components'][number] | undefined {
  return lifeboat.components.find((record) => record.id === id);
}

/** Restores that are looked at: one that failed since changed nothing. */
const restoresSeen = 5;

/** An undo puts nothing in that was not there: it brings its timeline with its bases. */
async function withoutBase(repository: Repository, { components }: Appliance): Promise<Coverage['withoutBase']> {
  const restores = (await repository.listReports('restore')).slice(0, restoresSeen);
  const reports = await Promise.all(restores.map(async ({ type, id }) => repository.findReport(type, id)));
  const steps = reports.flatMap((json) => {
    const report = runReportOf(json);
    return report?.state.status === 'committed' ? report.steps : [];
  });
  const found: { id: string; since: string }[] = [];
  for (const { id } of components.filter(archivesWal)) {
    const last = steps.find((step) => step.id === `swap:${id}` || step.id === `put-back:${id}`);
    if (last?.startedAt === undefined || last.id !== `swap:${id}`) continue;
    const { value: base } = await newestBases(repository, id).next();
    if (base === undefined || base.record.capturedFrom < last.startedAt) found.push({ id, since: last.startedAt });
  }
  return found;
}

/** The newest of these types whose evidence can be read. Other types have more reports than these: each look leaves one. */
async function lastRun(repository: Repository, types: readonly string[]): Promise<EndedRun | null> {
  const runs = (await Promise.all(types.map(async (type) => repository.listReports(type)))).flat();
  for (const run of runs.toSorted(byNewest)) {
    const report = runReportOf(await repository.findReport(run.type, run.id));
    // A restore that was asked for its plan alone brought nothing back.
    if (report === undefined || report.state.status === 'planned') continue;
    const { state, failure, text, backup, endedAt, seconds } = report;
    return { id: run.id, state, code: failure?.code ?? '', text, backup, endedAt, seconds };
  }
  return null;
}
