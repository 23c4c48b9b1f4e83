/** How old the newest good copy of every configured component is, against its objective; and how the last runs ended. */
import type { Appliance } from '../domain/appliance.ts';
import { isRefuted, type Manifest } from '../domain/recovery-point.ts';
import type { Repository } from '../repository/repository.ts';

export interface ComponentAge {
  readonly id: string;
  /** Recovery point with the newest copy; null while there is none. */
  readonly backupId: string | null;
  readonly capturedUntil: string | null;
  readonly ageSeconds: number | null;
  readonly objectiveSeconds: number;
  readonly breached: boolean;
}

export interface EndedRun {
  readonly id: string;
  readonly state: string;
  readonly text: string;
  readonly backup: string;
  readonly endedAt: string;
  readonly seconds: number;
}

export interface Protection {
  readonly components: readonly ComponentAge[];
  /** Newest recovery point that holds everything; null while there is none. */
  readonly newest: string | null;
  /** Newer recovery points that protect nothing, because their verification failed. */
  readonly failed: readonly string[];
  readonly lastBackup: EndedRun | null;
  readonly lastRestore: EndedRun | null;
}

export async function readProtection(repository: Repository, appliance: Appliance, now: Date): Promise<Protection> {
  const configured = appliance.components.map(({ id }) => id);
  const { points, failed } = await usablePoints(repository, configured);
  return {
    components: appliance.components.map(({ id, tier }) =>
      ageOf(id, points, appliance.objectives.rpoSeconds[tier], now),
    ),
    newest:
      points.find((point) => point.success && configured.every((id) => recordIn(point, id) !== undefined))?.timestamp ??
      null,
    failed,
    lastBackup: await lastRun(repository, 'fullBackup'),
    lastRestore: await lastRun(repository, 'restore'),
  };
}

/** Points newest first, until every component and the whole have one; those whose verification failed apart. */
async function usablePoints(
  repository: Repository,
  configured: readonly string[],
): Promise<{ points: Manifest[]; failed: string[] }> {
  const points: Manifest[] = [];
  const failed: string[] = [];
  for (const { manifest, problem } of await repository.listManifests()) {
    if (manifest === undefined || problem !== undefined) continue;
    const state = await repository.pointState(manifest.timestamp);
    if (isRefuted(state)) failed.push(manifest.timestamp);
    else points.push(manifest);
    const isWhole = points.some((point) => point.success && configured.every((id) => isGood(recordIn(point, id))));
    if (isWhole) break;
  }
  return { points, failed };
}

/** A component's own record counts also in a point that lacks others; a suspect one does not. */
function ageOf(id: string, points: readonly Manifest[], objectiveSeconds: number, now: Date): ComponentAge {
  const point = points.find((candidate) => isGood(recordIn(candidate, id)));
  const capturedUntil = point === undefined ? null : (recordIn(point, id)?.capturedUntil ?? null);
  const ageSeconds = capturedUntil === null ? null : Math.max(0, (now.getTime() - Date.parse(capturedUntil)) / 1000);
  return {
    id,
    backupId: point?.timestamp ?? null,
    capturedUntil,
    ageSeconds,
    objectiveSeconds,
    breached: ageSeconds === null || ageSeconds > objectiveSeconds,
  };
}

function isGood(record: Manifest['lifeboat']['components'][number] | undefined): boolean {
  return record?.suspect === false;
}

function recordIn({ lifeboat }: Manifest, id: string): Manifest['lifeboat']['components'][number] | undefined {
  return lifeboat.components.find((record) => record.id === id);
}

async function lastRun(repository: Repository, type: string): Promise<EndedRun | null> {
  const [newest] = await repository.listReports(type);
  const report = newest === undefined ? undefined : await repository.getReport(type, newest.id);
  if (newest === undefined || report === undefined) return null;
  const text = (key: string): string => (typeof report[key] === 'string' ? report[key] : '');
  return {
    id: newest.id,
    state: text('state'),
    text: text('text'),
    backup: text('backup'),
    endedAt: text('endedAt'),
    seconds: typeof report.seconds === 'number' ? report.seconds : 0,
  };
}
