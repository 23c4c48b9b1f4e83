/** The history file of a server's timeline, in the archive: a restored server asks there which numbers are taken. */
import { isLifeboatError } from '../../../domain/errors.ts';
import { parseTimelineHistory, type TimelineSwitch } from '../../../domain/wal.ts';
import type { WalArchive } from '../../../repository/repository.ts';
import type { Session } from '../connection.ts';

/** Where the timeline and those before it left their parents, oldest first. WalConflict where another server has the number. */
export async function storeHistory(session: Session, archive: WalArchive, timeline: number): Promise<TimelineSwitch[]> {
  if (timeline === 1) return [];
  const { content } = await session.row(`TIMELINE_HISTORY ${timeline}`);
  const text = content ?? '';
  await archive.putHistory(timeline, text, await serverTime(session));
  return parseTimelineHistory(text);
}

/** Whether the number is the server's own. False where another server had it before: both may be restored as they are. */
export async function claimTimeline(session: Session, archive: WalArchive, timeline: number): Promise<boolean> {
  try {
    await storeHistory(session, archive, timeline);
    return true;
  } catch (error) {
    if (!isLifeboatError(error, 'WalConflict')) throw error;
    return false;
  }
}

/** ISO 8601. */
export async function serverTime(session: Session): Promise<string> {
  const { now } = await session.row(
    `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now`,
  );
  return now ?? '';
}
