/**
 * The backups: full, incremental, of the configuration, of monitoring data. They differ in what they take and in how a
 * database is captured (src/domain/recovery-point.ts), and go the same way:
 *  1. take the appliance lock, or end `skipped` after 30 min (which counts for the RPO);
 *  2. reserve the recovery point's id;
 *  3. capture every component, all at once; a failing one does not stop the others;
 *  4. seal: the manifest is the last object written. A point that lacks a component is sealed as partial, never as good;
 *  5. what was sealed is copied to every location and verified, by runs of their own.
 */
import { ApplicationFailure, CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { BackupType, Receipt } from '../../src/domain/recovery-point.ts';
import { captureNotes, formatBytes, formatDuration, roleOfKind, stateWords } from '../../src/domain/replayed.ts';
import { startRestoreTest } from '../copies/prove-backup.ts';
import { startReplication } from '../copies/replicate.ts';
import { startVerification } from '../copies/verify-backup.ts';
import type { BackupInput, BackupResult, Given } from '../messages.ts';
import { components, control, evidence, priority, storage } from '../proxies.ts';
import type { RunDisplay } from '../run/display.ts';
import { rootCode, rootMessage } from '../run/failure.ts';
import { requireKnown } from '../run/known.ts';
import { takeLock } from '../run/lock.ts';
import { notify, type Message } from '../run/notification.ts';
import { askedBy, runProcedure, type Ended, type Run } from '../run/run.ts';
import { lateSeconds, scheduledBy } from '../run/schedule-info.ts';

/** A worker that was restarted or a server that was busy catches up within minutes; beyond this somebody should look. */
const lateFromSeconds = 15 * 60;

interface Failure {
  readonly component: string;
  readonly code: string;
  readonly message: string;
}

export async function fullBackup(...given: Given<BackupInput>): Promise<BackupResult> {
  return backup('full', given);
}

export async function incrementalBackup(...given: Given<BackupInput>): Promise<BackupResult> {
  return backup('incremental', given);
}

export async function criticalBackup(...given: Given<BackupInput>): Promise<BackupResult> {
  return backup('critical', given);
}

export async function configurationBackup(...given: Given<BackupInput>): Promise<BackupResult> {
  return backup('configuration', given);
}

export async function monitoringBackup(...given: Given<BackupInput>): Promise<BackupResult> {
  return backup('monitoring', given);
}

async function backup(type: BackupType, given: Given<BackupInput>): Promise<BackupResult> {
  const behind = lateSeconds();
  return runProcedure<BackupInput, BackupResult>(given, {
    body: async (run) => {
      const late = await tellLate(type, run, behind);
      const taken = await takeLock(run, {
        scope: type === 'critical' ? 'critical' : undefined,
        purpose: `${type} backup`,
      });
      if (!taken.held) {
        run.display.state({ status: 'skipped', holder: taken.holder });
        return { ...skipped, lateSeconds: late, text: `skipped: held by ${taken.holder}` };
      }
      const captured = await capture(type, run);
      return { ...captured, seconds: (Date.now() - run.began) / 1000, lateSeconds: late };
    },
    tell: async (ended) => [...messagesOf(type, ended), ...(await whatWasDue(type, ended))],
    follow: async ({ appliance, result }) => {
      if (result === undefined || result.id === '') return result;
      await startReplication(appliance, result.id);
      if (appliance.verifyAfterBackup) await startVerifying(type, appliance, result.id);
      return result;
    },
    evidence: ({ result, input, failed }) => ({
      text: failed === '' ? (result?.text ?? '') : failed,
      lateSeconds: result?.lateSeconds ?? 0,
      bytes: result?.bytes ?? 0,
      storedBytes: result?.storedBytes ?? 0,
      ...askedBy(input, 'schedule'),
    }),
    verdict: (result) =>
      result.state === 'partial' || result.state === 'suspect'
        ? ApplicationFailure.nonRetryable(result.text, 'BackupPartial', result)
        : undefined,
  });
}

const skipped = { state: 'skipped', id: '', bytes: 0, storedBytes: 0, seconds: 0 } as const;

/** Seconds, without what the schedule itself put off. */
async function tellLate(type: BackupType, { appliance, display }: Run<BackupInput>, behind: number): Promise<number> {
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

async function capture(type: BackupType, { appliance, input, display }: Run<BackupInput>): Promise<Captured> {
  const chosen = chooseComponents(type, input.components ?? [], appliance);
  display.state({ status: 'reserving' });
  const startedAt = new Date().toISOString();
  const { runId } = workflowInfo();
  const begun = await storage(appliance.host, {
    summary: 'reserve the recovery point',
    priority: priority.backup,
  }).beginBackup({
    owner: runId,
    at: startedAt,
  });
  display.subject(begun.backupId);
  try {
    return await captureAll({ type, chosen, begun, appliance, display, startedAt });
  } catch (error) {
    // A repository that fails here too must not hide why the backup failed; an intent expires by itself.
    await CancellationScope.nonCancellable(async () =>
      evidence(appliance.host, { summary: 'give up the reserved id' }).releaseBackup(begun),
    ).catch((unreleased: unknown) => display.note(`${begun.backupId} stays reserved: ${rootMessage(unreleased)}`));
    throw error;
  }
}

type Captured = Omit<BackupResult, 'seconds' | 'lateSeconds'>;

interface Capture {
  readonly type: BackupType;
  readonly chosen: ApplianceView['components'];
  readonly begun: { readonly backupId: string; readonly repositoryId: string };
  readonly appliance: ApplianceView;
  readonly display: RunDisplay;
  readonly startedAt: string;
}

/** Captures what was chosen and seals it; throws where nothing could be captured. */
async function captureAll({ type, chosen, begun, appliance, display, startedAt }: Capture): Promise<Captured> {
  display.state({ status: 'capturing' });
  display.declare(chosen.map(({ id }) => `capture:${id}`));

  const receipts: Receipt[] = [];
  const failures: Failure[] = [];
  // All have ended before anything else happens: a capture that still ends after a cancellation needs lock and intent.
  const captures = await Promise.allSettled(
    chosen.map(async ({ id, kind, host }) => {
      display.step(`capture:${id}`, 'running');
      try {
        const receipt = await components(
          { role: roleOfKind(kind), host },
          { summary: `capture ${id}`, priority: priority.backup },
        ).captureComponent({
          repositoryId: begun.repositoryId,
          backupId: begun.backupId,
          component: id,
          increment: type === 'incremental' || type === 'critical',
        });
        receipts.push(receipt);
        notesOf(receipt).forEach((note) => display.note(`${id}: ${note}`));
        display.step(`capture:${id}`, 'done', `${formatBytes(receipt.bytes)}, ${formatBytes(receipt.storedBytes)} new`);
      } catch (error) {
        if (isCancellation(error)) throw error;
        display.step(`capture:${id}`, 'failed', rootMessage(error).slice(0, 200));
        failures.push({
          component: id,
          code: rootCode(error),
          message: withoutName(id, rootMessage(error)).slice(0, 500),
        });
      }
    }),
  );
  const cancelled = captures.find((ended) => ended.status === 'rejected');
  if (cancelled !== undefined) throw cancelled.reason;
  const order = new Map(chosen.map(({ id }, position) => [id, position]));
  receipts.sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
  failures.sort((a, b) => (order.get(a.component) ?? 0) - (order.get(b.component) ?? 0));
  const suspects = receipts.filter(({ suspect }) => suspect);
  const reasons = [
    ...failures.map(({ component, code, message }) => `${component}: ${code}: ${message}`),
    ...suspects.map(
      (receipt) => `${receipt.id}: SourceCorrupt: ${notesOf(receipt).join(', ') || 'its source is damaged'}`,
    ),
  ].join('; ');
  if (receipts.length === 0)
    throw ApplicationFailure.nonRetryable(
      `no component could be captured: ${reasons}`,
      failures[0]?.code ?? 'Internal',
    );

  display.state({ status: 'sealing' });
  const sealed = await storage(appliance.host, {
    summary: 'seal the recovery point',
    priority: priority.backup,
  }).sealBackup({
    repositoryId: begun.repositoryId,
    backupId: begun.backupId,
    type,
    startedAt,
    receipts,
    failures,
    workflow: { id: workflowInfo().workflowId, runId: workflowInfo().runId },
  });
  const state = failures.length > 0 ? 'partial' : suspects.length > 0 ? 'suspect' : 'sealed';
  display.state({ status: state });
  return {
    state,
    id: begun.backupId,
    bytes: sealed.bytes,
    storedBytes: sealed.storedBytes,
    text:
      state === 'sealed'
        ? `recovery point ${begun.backupId} sealed`
        : `recovery point ${begun.backupId} is ${state}: ${reasons}`,
    newlyLeftOut: receipts.flatMap(({ id, newlyLeftOut }) =>
      newlyLeftOut === undefined ? [] : [`${id}: ${newlyLeftOut}`],
    ),
  };
}

/** What there is to say of a capture. */
function notesOf({ facts, notes = [] }: Receipt): string[] {
  return [...captureNotes(facts), ...notes];
}

/** A failure's text may begin with its component, which is said here before the code. */
function withoutName(component: string, text: string): string {
  return text.startsWith(`${component}: `) ? text.slice(component.length + 2) : text;
}

function chooseComponents(
  type: BackupType,
  ids: readonly string[],
  { components: all }: ApplianceView,
): ApplianceView['components'] {
  const known = all.map(({ id }) => id);
  requireKnown('component', ids, known, (first) => ({ components: [first ?? 'postgres'] }));
  if (ids.length > 0) return all.filter(({ id }) => ids.includes(id));
  if (type === 'full' || type === 'incremental') return all;
  const ofTier = all.filter(({ tier }) => tier === type);
  if (ofTier.length > 0) return ofTier;
  throw ApplicationFailure.nonRetryable(
    `no component has the tier \`${type}\`; give one \`tier: ${type}\` in lifeboat.yaml, or name components`,
    'InputInvalid',
  );
}

function messagesOf(
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

/** Those stand on a base that is large: what they add was read back when it was written, and what they stand on is looked at daily. */
const onBases: readonly BackupType[] = ['incremental', 'critical'];

/** A full one is read again and its databases are restored in private. */
async function startVerifying(type: BackupType, appliance: ApplianceView, id: string): Promise<void> {
  await startVerification(appliance, id, onBases.includes(type));
  if (type === 'full') await startRestoreTest(appliance, id);
}

/** The daily one is the backup; the others say which they are. */
function title(type: BackupType): string {
  if (type === 'full') return 'Backup';
  return `${type.charAt(0).toUpperCase()}${type.slice(1)} backup`;
}

/** A schedule starts nothing while a run of its own is open, and nobody would hear of it. */
async function whatWasDue(
  type: BackupType,
  { appliance, began }: Ended<BackupInput, BackupResult>,
): Promise<Message[]> {
  const scheduleId = scheduledBy();
  if (scheduleId === undefined) return [];
  try {
    const due = await control({ summary: 'what was due meanwhile?' }).dueSince({
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
