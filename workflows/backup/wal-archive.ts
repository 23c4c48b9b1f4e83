/**
 * Archives the WAL of one database for ever, in shifts: one activity of at most an hour on the database's host, tried
 * again without limit. What a shift goes on from lies in the repository and in the slot, never here.
 *
 * After each shift it asks whether the newest recovery point reaches the archive's end. Where none does (a hole, a new
 * timeline) people are told and a full backup is started: until it is sealed, no moment after the break can be restored.
 */
import { ApplicationFailure, continueAsNew, isCancellation, sleep, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { fullBackup } from './backup.ts';
import { begin } from '../run/begin.ts';
import { startBeside } from '../run/detached-child.ts';
import { askHolder } from '../run/lock-holder.ts';
import type { Given, WalArchiveInput } from '../messages.ts';
import { notify } from '../run/notification.ts';
import { wal } from '../proxies.ts';
import { rootCode, rootMessage } from '../plan/runner.ts';
import { RunDisplay } from '../run/display.ts';

const shiftSeconds = 3600;
/** While something is not as it should be. */
const shortShiftSeconds = 60;
/** What a person has to mend is looked at again after this. */
const pauseAfterFailure = '1 minute';
/** A backup that was started for a break gets this long before another is. */
const mendSeconds = 3600;

type Database = ApplianceView['components'][number];

export async function walArchive(...given: Given<WalArchiveInput>): Promise<void> {
  const display = new RunDisplay();
  const { appliance, input } = await begin(display, given);
  const database = chooseDatabase(input, appliance);
  let state = input;
  while (!workflowInfo().continueAsNewSuggested) state = await shift(state, appliance, database, display);
  await continueAsNew<typeof walArchive>(state);
}

async function shift(
  state: WalArchiveInput,
  appliance: ApplianceView,
  database: Database,
  display: RunDisplay,
): Promise<WalArchiveInput> {
  const { id } = database;
  try {
    const seconds = state.isContinuous === true ? shiftSeconds : shortShiftSeconds;
    const { status, repositoryId } = await wal(
      { role: 'database', host: database.host },
      { summary: `archive the WAL of ${id}` },
    ).archiveWal({ repositoryId: state.repositoryId ?? '', component: id, seconds });
    if ((state.failing ?? '') !== '') display.note(`${id} is archived again`);
    display.subject(status.base ?? '');
    const next = { component: id, repositoryId, isContinuous: status.state === 'continuous' };
    if (status.state !== 'broken') {
      display.state(status.state === 'continuous' ? 'archiving' : 'waiting for a full backup');
      return next;
    }
    display.state('unprotected');
    return { ...next, mendingSince: await mend(state, appliance, id, status.reason, display) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    const code = rootCode(error);
    display.state('failing');
    if (code !== state.failing) {
      const text = `WAL of ${id} is not archived: ${code}: ${rootMessage(error)}`;
      display.note(text.slice(0, 300));
      await notify(`failing-${code}-${Date.now()}`, `${appliance.name}: ${text} (${workflowInfo().workflowId})`);
    }
    await sleep(pauseAfterFailure, { summary: `after ${code}` });
    return { ...state, component: id, failing: code, isContinuous: false };
  }
}

/** Starts a full backup, unless one is under way or was started for this break before. Returns since when one is. */
async function mend(
  { mendingSince }: WalArchiveInput,
  appliance: ApplianceView,
  component: string,
  reason: string,
  display: RunDisplay,
): Promise<string> {
  const isUnderWay = mendingSince !== undefined && Date.now() - Date.parse(mendingSince) < mendSeconds * 1000;
  if (isUnderWay) return mendingSince;
  const now = new Date().toISOString();
  const holder = await askHolder('does a backup run?', appliance.name);
  // It may have begun before the break: the next shift looks again.
  if (holder.type === 'fullBackup') return '';
  const text = `${component} is UNPROTECTED: ${reason}; a full backup is started`;
  display.note(text);
  await notify(`broken-${now}`, `${appliance.name}: ${text} (${workflowInfo().workflowId})`);
  await startBeside(fullBackup, {
    workflowId: `fullBackup/${appliance.name}/${now}`,
    input: { requestedBy: workflowInfo().workflowId, reason },
    summary: `full backup of ${appliance.name}: ${reason}`,
  });
  return now;
}

function chooseDatabase({ component = '' }: WalArchiveInput, appliance: ApplianceView): Database {
  const databases = appliance.components.filter(({ kind }) => kind === 'postgres');
  const chosen = component === '' ? databases : databases.filter(({ id }) => id === component);
  const [database, ...others] = chosen;
  if (database !== undefined && others.length === 0) return database;
  const known = databases.map(({ id }) => id).join(', ') || 'none';
  throw ApplicationFailure.nonRetryable(
    `component ${component || 'without a name'} is no database here; known are ${known}. Example: {"component":"${databases[0]?.id ?? 'postgres'}"}`,
    'InputInvalid',
  );
}
