/**
 * Archives the WAL of one database for ever, in sessions: one activity of at most an hour on the database's host, tried
 * again without limit. What a session goes on from lies in the repository and in the slot, never here.
 *
 * After each session it asks whether the newest recovery point reaches the archive's end. Where none does (a hole, a new
 * timeline) people are told and a full backup is started: until it is sealed, no moment after the break can be restored.
 */
import { isCancellation, sleep, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { Given, WalArchiveInput } from '../messages.ts';
import { control, wal } from '../proxies.ts';
import { startDetachedChild } from '../run/detached-child.ts';
import type { RunDisplay } from '../run/display.ts';
import { failureText, rootCode } from '../run/failure.ts';
import { inputInvalid, requireKnown } from '../run/known.ts';
import { notify } from '../run/notification.ts';
import { runProcedure } from '../run/run.ts';
import { fullBackup } from './backup.ts';

const sessionSeconds = 3600;

/** While something is not as it should be. */
const shortSessionSeconds = 60;

/** What a person has to correct is looked at again after this. */
const pauseAfterFailure = '1 minute';

/** A backup that was started for a break gets this long before another is. */
const repairSeconds = 3600;

type Database = ApplianceView['components'][number];

export async function walArchive(...given: Given<WalArchiveInput>): Promise<WalArchiveInput> {
  return runProcedure<WalArchiveInput, WalArchiveInput>(given, {
    body: async ({ appliance, input, display }) => {
      const database = chooseDatabase(input, appliance);
      let state = input;
      while (!workflowInfo().continueAsNewSuggested) state = await session(state, appliance, database, display);
      return state;
    },
    again: (state) => state,
  });
}

async function session(
  state: WalArchiveInput,
  appliance: ApplianceView,
  database: Database,
  display: RunDisplay,
): Promise<WalArchiveInput> {
  const { id } = database;
  try {
    const seconds = state.isContinuous === true ? sessionSeconds : shortSessionSeconds;
    const { status, repositoryId } = await wal(
      { role: 'database', host: database.host },
      { id: `archive:${id}`, summary: `archive the WAL of ${id}` },
    ).archiveWal({ repositoryId: state.repositoryId ?? '', component: id, seconds });
    if ((state.failing ?? '') !== '') display.note(`${id} is archived again`);
    display.subject(status.base ?? '');
    const next = { component: id, repositoryId, isContinuous: status.state === 'continuous' };
    if (status.state !== 'broken') {
      display.state({ status: status.state === 'continuous' ? 'archiving' : 'waiting_for_full_backup' });
      return next;
    }
    display.state({ status: 'unprotected' });
    return { ...next, repairingSince: await repair(state, appliance, id, status.reason, display) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    const code = rootCode(error);
    display.state({ status: 'failing' });
    if (code !== state.failing) {
      const text = `WAL of ${id} is not archived: ${failureText(error)}`;
      display.note(text.slice(0, 300));
      await notify(appliance.name, {
        topic: `failing-${code}-${Date.now()}`,
        severity: 'critical',
        text: `${appliance.name}: ${text}`,
      });
    }
    await sleep(pauseAfterFailure, { summary: `after ${code}` });
    return { ...state, component: id, failing: code, isContinuous: false };
  }
}

/** Starts a full backup, unless one is under way or was started for this break before. Returns since when one is. */
async function repair(
  { repairingSince }: WalArchiveInput,
  appliance: ApplianceView,
  component: string,
  reason: string,
  display: RunDisplay,
): Promise<string> {
  const isUnderWay = repairingSince !== undefined && Date.now() - Date.parse(repairingSince) < repairSeconds * 1000;
  if (isUnderWay) return repairingSince;
  const now = new Date().toISOString();
  const holder = await control({ id: 'ask:holder', summary: 'does a backup run?' }).lockHolder({
    appliance: appliance.name,
  });
  // It may have begun before the break: the next session looks again.
  if (holder.type === 'fullBackup') return '';
  const text = `${component} is UNPROTECTED: ${reason}; a full backup is started`;
  display.note(text);
  await notify(appliance.name, {
    topic: `broken-${now}`,
    severity: 'critical',
    text: `${appliance.name}: ${text}`,
  });
  await startDetachedChild(fullBackup, {
    workflowId: `fullBackup/${appliance.name}/${now}`,
    input: { requestedBy: workflowInfo().workflowId, reason },
    summary: `full backup of ${appliance.name}: ${reason}`,
  });
  return now;
}

function chooseDatabase({ component = '' }: WalArchiveInput, appliance: ApplianceView): Database {
  const databases = appliance.components.filter(({ kind }) => kind === 'postgres');
  const known = databases.map(({ id }) => id);
  const exampleOf = (first: string | undefined): object => ({ component: first ?? 'postgres' });
  if (component !== '') requireKnown('database', [component], known, exampleOf);
  const [database, ...others] = component === '' ? databases : databases.filter(({ id }) => id === component);
  if (database !== undefined && others.length === 0) return database;
  throw inputInvalid(`no database is named; known are ${known.join(', ') || 'none'}`, exampleOf(known[0]));
}
