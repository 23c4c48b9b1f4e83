/** The history file of a server's timeline, in the archive: a restored server asks there which numbers are taken. */
import { isLifeboatError } from '../../../domain/errors.ts';
import { parseTimelineHistory, type TimelineSwitch } from '../../../domain/wal.ts';
import type { WalArchive } from '../../../repository/repository.ts';
import type { Session } from '../server/connection.ts';
import { sqlState } from '../server/failures.ts';

/** What was asked for is not there. */
export const undefinedFile = '58P01';

/** Where the timeline and those before it left their parents, oldest first. WalConflict where another server has the number. */
export async function storeHistory(session: Session, archive: WalArchive, timeline: number): Promise<TimelineSwitch[]> {
  if (timeline === 1) return [];
  const { content } = await session.row(`TIMELINE_HISTORY ${timeline}`);
  const text = content ?? '';
  await archive.putHistory(timeline, text, await serverTime(session));
  return parseTimelineHistory(text);
}

/**
 * Why the number is not the server's own in the archive; undefined where it is. What can be wrong with a history file is no
 * reason to make no backup: its recovery point is restored as it is.
 */
export async function claimTimeline(
  session: Session,
  archive: WalArchive,
  timeline: number,
): Promise<string | undefined> {
  try {
    await storeHistory(session, archive, timeline);
    return undefined;
  } catch (error) {
    if (isLifeboatError(error, 'WalConflict')) return `another server had timeline ${timeline} before`;
    if (error instanceof Error && sqlState(error.cause) === undefinedFile)
      return `the server has lost the history file of its timeline ${timeline}`;
    throw error;
  }
}

/** ISO 8601. */
export async function serverTime(session: Session): Promise<string> {
  const { now } = await session.row(
    `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now`,
  );
  return now ?? '';
}
