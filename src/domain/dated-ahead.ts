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
 * Why a point is passed over where the newest is wanted; undefined where it is not ahead, or where nothing was sealed after
 * it: then it is the newest, and the clock of today may be the wrong one. What lies between it and the point that it names
 * as its predecessor was not there when it was sealed. `others`: authentic ones.
 */
export function aheadOf(
  { timestamp, previous }: DatedPoint,
  others: readonly BackupId[],
  now: Date,
): string | undefined {
  if (!isAhead(timestamp, now)) return undefined;
  const since = others
    .filter((id) => id > (previous?.timestamp ?? '') && id < timestamp && !isAhead(id, now))
    .toSorted();
  return since[0] === undefined ? undefined : `dated ahead of the clock, and ${since[0]} was sealed after it`;
}
