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

export function isAhead(timestamp: BackupId, now: Date): boolean {
  return (timeOfBackupId(timestamp)?.getTime() ?? 0) > now.getTime() + mostSkewSeconds * 1000;
}

/**
 * Of the ids those that were sealed after a point that is dated ahead, oldest first: what lies between it and the point that
 * it names as its predecessor was not there when it was sealed. Where one of them is authentic, the point is no newest
 * one. Empty for any other point, and where nothing was sealed since: then the clock of today may be the wrong one.
 */
export function sealedSince({ timestamp, previous }: DatedPoint, ids: readonly BackupId[], now: Date): BackupId[] {
  if (!isAhead(timestamp, now)) return [];
  return ids
    .filter((id) => id > (previous?.timestamp ?? '') && id < timestamp && !isAhead(id, now))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

/** Why such a point is passed over where the newest is wanted. */
export function aheadText(since: BackupId): string {
  return `dated ahead of the clock, and ${since} was sealed after it`;
}
