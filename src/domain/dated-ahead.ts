/**
 * Recovery points whose date has not come yet. A clock that was ahead for one night dates a point so, and as the newest by
 * its name it would be taken for the newest state until that date. Pure.
 */
import { timeOfBackupId, type BackupId } from './recovery-point.ts';
import { mostSkewSeconds } from './skew.ts';

export interface DatedPoint {
  readonly timestamp: BackupId;
  /** The newest that lay before it when it was sealed. */
  readonly previous: { readonly timestamp: BackupId } | null;
}

/** What is known beside a point. */
export interface Neighbours {
  readonly ids: readonly BackupId[];
  /** Points that are dated ahead, as far as they are known. */
  readonly find: (id: BackupId) => DatedPoint | undefined;
}

export function neighbours(points: readonly DatedPoint[]): Neighbours {
  return {
    ids: points.map(({ timestamp }) => timestamp),
    find: (id) => points.find(({ timestamp }) => timestamp === id),
  };
}

export interface SealedPoint extends DatedPoint {
  /** ISO 8601, by the storage's clock. */
  readonly sealedAt: string;
}

export function isAhead(timestamp: BackupId, now: Date): boolean {
  return (timeOfBackupId(timestamp)?.getTime() ?? 0) > now.getTime() + mostSkewSeconds * 1000;
}

/**
 * The newest with a right date that lay there when a point was sealed: its predecessor, or where that is dated ahead too, for
 * one night makes several, the predecessor of that one, as `find` knows it. Null where there was none, undefined where the
 * chain breaks off.
 */
function rightPredecessor({ previous }: DatedPoint, find: Neighbours['find'], now: Date): BackupId | null | undefined {
  if (previous === null || !isAhead(previous.timestamp, now)) return previous?.timestamp ?? null;
  const before = find(previous.timestamp);
  return before && rightPredecessor(before, find, now);
}

/**
 * Of the ids those that were sealed after a point that is dated ahead, oldest first: what lies between it and the
 * predecessor with a right date was not there when it was sealed. Where one of them is authentic, the point is no newest
 * one. Empty for any other point, and where nothing was sealed since: then the clock of today may be the wrong one.
 */
export function sealedSince(point: DatedPoint, { ids, find }: Neighbours, now: Date): BackupId[] {
  const { timestamp } = point;
  if (!isAhead(timestamp, now)) return [];
  const predecessor = rightPredecessor(point, find, now);
  if (predecessor === undefined) return [];
  return ids
    .filter((id) => id > (predecessor ?? '') && id < timestamp && !isAhead(id, now))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

/** Why such a point is passed over where the newest is wanted. */
export function aheadText(since: BackupId): string {
  return `dated ahead of the clock, and ${since} was sealed after it`;
}

/**
 * When it was sealed at the latest, ISO 8601: its own time, but where that is ahead of the clock, just before the oldest point
 * that was sealed after it. Undefined where it is ahead and nothing was sealed since.
 */
export function sealedAtLatest(point: SealedPoint, points: readonly SealedPoint[], now: Date): string | undefined {
  const isWrong = ({ timestamp, sealedAt }: SealedPoint): boolean =>
    isAhead(timestamp, now) || Date.parse(sealedAt) > now.getTime() + mostSkewSeconds * 1000;
  if (!isWrong(point)) return point.sealedAt;
  const right = points.filter((each) => !isWrong(each));
  const ids = right.map(({ timestamp }) => timestamp);
  const since = isAhead(point.timestamp, now)
    ? sealedSince(point, { ...neighbours(points), ids }, now)
    : ids.filter((id) => id > point.timestamp);
  const [oldest] = right
    .filter(({ timestamp }) => since.includes(timestamp))
    .map(({ sealedAt }) => Date.parse(sealedAt))
    .toSorted((a, b) => a - b);
  return oldest === undefined ? undefined : new Date(oldest - 1).toISOString();
}
