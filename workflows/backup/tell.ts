/** What people hear of a backup. */
import { isCancellation, workflowInfo } from '@temporalio/workflow';
import type { BackupType } from '../../src/domain/recovery-point.ts';
import { formatDuration, stateWords } from '../../src/domain/replayed.ts';
import type { BackupInput, BackupResult } from '../messages.ts';
import { control } from '../proxies.ts';
import { notify, type Message } from '../run/notification.ts';
import type { Ended, Run } from '../run/run.ts';
import { scheduledBy } from '../run/schedule-info.ts';

/** A worker that was restarted or a server that was busy catches up within minutes; beyond this somebody should look. */
const lateFromSeconds = 15 * 60;

/** Seconds, without what the schedule itself put off. */
export async function tellLate(
  type: BackupType,
  { appliance, display }: Run<BackupInput>,
  behind: number,
): Promise<number> {
  const late = Math.max(0, behind - appliance.jitterSeconds);
  if (late <= lateFromSeconds) return late;
  display.note(`late: ${formatDuration(late)} after its scheduled time`);
  await notify(appliance.name, {
    topic: 'late',
    severity: 'warning',
    text: `${title(type)} of ${appliance.name} begins late: ${formatDuration(late)} after its scheduled time`,
  });
  return late;
}

export function messagesOf(
  type: BackupType,
  { appliance, result, state, failed }: Ended<BackupInput, BackupResult>,
): Message[] {
  const { newlyLeftOut = [], text = '' } = result ?? {};
  const subject = `${title(type)} of ${appliance.name}`;
  const outcome: Message = {
    topic: 'outcome',
    severity: result?.state === 'skipped' ? 'warning' : 'critical',
    text: `${subject} ${stateWords(state)}: ${failed === '' ? text : failed}`,
  };
  const leftOut: Message = {
    topic: 'left-out',
    severity: 'warning',
    text: `${subject} leaves out what it did not before: ${newlyLeftOut.join('; ')}`,
  };
  return [...(result?.state === 'sealed' ? [] : [outcome]), ...(newlyLeftOut.length === 0 ? [] : [leftOut])];
}

/** A schedule starts nothing while a run of its own is open, and nobody would hear of it. */
export async function whatWasDue(
  type: BackupType,
  { appliance, began }: Ended<BackupInput, BackupResult>,
): Promise<Message[]> {
  const scheduleId = scheduledBy();
  if (scheduleId === undefined) return [];
  try {
    const due = await control({ id: 'ask:due', summary: 'what was due meanwhile?' }).dueSince({
      scheduleId,
      since: new Date(began).toISOString(),
    });
    if (due.length === 0) return [];
    const text = `${title(type)} of ${appliance.name} skipped: due ${due.join(', ')}, ${workflowInfo().workflowId} was still open`;
    return [{ topic: 'skipped', severity: 'warning', text }];
  } catch (error) {
    if (isCancellation(error)) throw error;
    // The run itself is what counts: a server that cannot say this has said nothing against it.
    return [];
  }
}

/** The daily one is the backup; the others say which they are. */
function title(type: BackupType): string {
  if (type === 'full') return 'Backup';
  return `${type.charAt(0).toUpperCase()}${type.slice(1)} backup`;
}
