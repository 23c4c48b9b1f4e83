/**
 * The order in which recovery points were sealed. A clock that was wrong for one night dates a point so, and by its name it
 * would be taken for the newest state until that date, or never. What says more is the sequence number: a point was sealed
 * after every one with a lower number. Pure.
 */
import { timeOfBackupId, type BackupId, type Manifest } from './recovery-point.ts';
import { maxSkewSeconds } from './skew.ts';

export interface DatedPoint {
  readonly timestamp: BackupId;
  /** ISO 8601, by the storage's clock; absent where the manifest cannot be read. */
  readonly sealedAt?: string;
  /** Absent in points that were sealed before there were such numbers: they count as 0. */
  readonly sequence?: number;
}

/** The dated point of a listing of the repository. */
export function datedPoint(listing: { readonly timestamp: BackupId; readonly manifest?: Manifest }): DatedPoint {
  const { sealedAt, sequence } = listing.manifest?.lifeboat ?? {};
  return {
    timestamp: listing.timestamp,
    ...(sealedAt === undefined ? {} : { sealedAt }),
    ...(sequence === undefined ? {} : { sequence }),
  };
}

const maxSkewMs = maxSkewSeconds * 1000;

export function isAhead(timestamp: BackupId, now: Date): boolean {
  return dateOf(timestamp) > now.getTime() + maxSkewMs;
}

/**
 * The points whose date is disproved, each with the oldest that disproves it: it was sealed later, and before that date. Nothing is
 * said of a point that was sealed last: then the clock of today may be the wrong one.
 */
export function disprovedDates(points: readonly DatedPoint[]): Map<BackupId, BackupId> {
  const disproved = new Map<BackupId, BackupId>();
  const later: Sealed[] = [];
  let earliest = Infinity;
  let sameNumber: Sealed[] = [];
  for (const point of sealedOf(points).toReversed()) {
    if (sameNumber[0] !== undefined && sameNumber[0].sequence > point.sequence) {
      later.push(...sameNumber);
      earliest = Math.min(earliest, ...sameNumber.map(({ at }) => at));
      sameNumber = [];
    }
    sameNumber.push(point);
    const isBefore = (at: number): boolean => at + maxSkewMs < dateOf(point.timestamp);
    if (!isBefore(earliest)) continue;
    const [since] = later
      .filter(({ timestamp, at }) => isBefore(at) && !disproved.has(timestamp))
      .map(({ timestamp }) => timestamp)
      .toSorted();
    if (since !== undefined) disproved.set(point.timestamp, since);
  }
  return disproved;
}

/** By their names; but a point whose date is disproved stands behind the oldest that disproves it. */
export function newestFirst<T>(items: readonly T[], pointOf: (item: T) => DatedPoint): T[] {
  const disproved = disprovedDates(items.map(pointOf));
  return items
    .map((item) => {
      const { timestamp, sequence = 0 } = pointOf(item);
      const since = disproved.get(timestamp);
      return { item, place: since ?? timestamp, isAtPlace: since === undefined, sequence, timestamp };
    })
    .toSorted((a, b) => {
      if (a.place !== b.place) return a.place < b.place ? 1 : -1;
      if (a.isAtPlace !== b.isAtPlace) return a.isAtPlace ? -1 : 1;
      return b.sequence - a.sequence || (a.timestamp < b.timestamp ? 1 : -1);
    })
    .map(({ item }) => item);
}

/** Why such a point is passed over where the newest is wanted. */
export function disprovedText(since: BackupId): string {
  return `${since} was sealed after it, and before the date that it has`;
}

/**
 * When each was sealed at the latest, ISO 8601: never before one with a lower number, for retention must not take for old
 * what a clock that was behind dated so. Of a point from the future, just before what was sealed after it; undefined where
 * nothing was.
 */
export function sealedAtLatest(points: readonly DatedPoint[], now: Date): Map<BackupId, string | undefined> {
  const isFuture = ({ timestamp, at }: Sealed): boolean => isAhead(timestamp, now) || at > now.getTime() + maxSkewMs;
  const sealed = sealedOf(points);
  const right = sealed.filter((point) => !isFuture(point));
  let latest = -Infinity;
  return new Map(
    sealed.map((point) => {
      if (!isFuture(point)) {
        latest = Math.max(latest, point.at);
        return [point.timestamp, new Date(latest).toISOString()];
      }
      const later = right.filter(({ sequence }) => sequence > point.sequence);
      if (later.length === 0) return [point.timestamp, undefined];
      const next = later.find(({ at }) => at > latest);
      return [point.timestamp, new Date(next === undefined ? latest : next.at - 1).toISOString()];
    }),
  );
}

interface Sealed {
  readonly timestamp: BackupId;
  readonly at: number;
  readonly sequence: number;
}

/** In the order of their numbers; names decide where these are equal. */
function sealedOf(points: readonly DatedPoint[]): Sealed[] {
  return points
    .flatMap(({ timestamp, sealedAt, sequence = 0 }) =>
      sealedAt === undefined ? [] : [{ timestamp, at: Date.parse(sealedAt), sequence }],
    )
    .toSorted((a, b) => a.sequence - b.sequence || (a.timestamp < b.timestamp ? -1 : 1));
}

function dateOf(timestamp: BackupId): number {
  return timeOfBackupId(timestamp)?.getTime() ?? 0;
}
