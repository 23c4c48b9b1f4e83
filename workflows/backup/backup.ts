/**
 * The backups: full, incremental, of the configuration, of monitoring data. They differ in what they take and in how a
 * database is captured (src/domain/recovery-point.ts), and go the same way:
 *  1. take the appliance lock, or end `skipped: held by …` after 30 min (which counts for the RPO);
 *  2. reserve the recovery point's id;
 *  3. capture every component, all at once; a failing one does not stop the others;
 *  4. seal: the manifest is the last object written. A point that lacks a component is sealed as partial, never as good;
 *  5. whatever happened: free the lock, write the evidence, tell people what is not well;
 *  6. what was sealed is copied to every location, by a run of its own.
 */
import { ApplicationFailure, CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { BackupType, Receipt } from '../../src/domain/recovery-point.ts';
import { captureNotes, formatBytes, formatDuration, roleOfKind } from '../../src/domain/replayed.ts';
import { begin } from '../run/begin.ts';
import { writeEvidence } from '../run/evidence.ts';
import { lateSeconds, scheduledBy } from '../run/schedule-info.ts';
import { takeLock, type HeldLock } from '../run/lock.ts';
import type { BackupInput, BackupResult, Given } from '../messages.ts';
import { notify } from '../run/notification.ts';
import { components, control, evidence, priority, storage } from '../proxies.ts';
import { rootCode, rootMessage } from '../plan/runner.ts';
import { startProof } from '../copies/prove-backup.ts';
import { startReplication } from '../copies/replicate.ts';
import { startVerification } from '../copies/verify-backup.ts';
import { RunDisplay } from '../run/display.ts';

const lockWaitSeconds = 30 * 60;
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
  const display = new RunDisplay();
  const began = Date.now();
  const behind = lateSeconds();
  const { appliance, input } = await begin(display, given);
  // What the schedule itself put off is not late.
  const late = Math.max(0, behind - (appliance.jitterSeconds ?? 0));
  if (late > lateFromSeconds) {
    display.note(`late: ${formatDuration(late)} after its scheduled time`);
    await notify(
      'late',
      `${title(type)} of ${appliance.name} begins late: ${formatDuration(late)} after its scheduled time`,
    );
  }

  let heldLock: HeldLock | undefined;
  let result: BackupResult | undefined;
  let failure: unknown;
  try {
    display.state('locking');
    const taken = await takeLock({
      appliance: appliance.name,
      lane: type === 'critical' ? 'critical' : undefined,
      holder: workflowInfo().workflowId,
      purpose: `${type} backup`,
      waitSeconds: lockWaitSeconds,
      onWait: (holder) => display.waitOn(`lock held by ${holder}`),
    });
    display.waitOn('');
    if (!taken.held) {
      display.state('skipped');
      result = {
        state: 'skipped',
        id: '',
        bytes: 0,
        storedBytes: 0,
        seconds: 0,
        lateSeconds: late,
        text: `skipped: held by ${taken.holder}`,
      };
    } else {
      heldLock = taken.lock;
      result = {
        ...(await capture(type, input, appliance, display)),
        seconds: (Date.now() - began) / 1000,
        lateSeconds: late,
      };
    }
  } catch (error) {
    failure = error;
    display.state(isCancellation(error) ? 'cancelled' : 'failed');
  }
  await CancellationScope.nonCancellable(async () => {
    await heldLock?.release((text) => display.note(text));
    await conclude({ type, appliance, display, result, failure, began, late, input });
    if (result !== undefined && result.id !== '') {
      await startReplication(appliance, result.id);
      if (appliance.verifyAfterBackup === true) await startVerifying(type, appliance, result.id);
    }
  });
  if (failure !== undefined) throw failure;
  if (result === undefined) throw ApplicationFailure.nonRetryable('the backup ended without a result', 'Internal');
  if (result.state === 'partial' || result.state === 'suspect')
    throw ApplicationFailure.nonRetryable(result.text, 'BackupPartial', result);
  return result;
}

async function capture(
  type: BackupType,
  input: BackupInput,
  appliance: ApplianceView,
  display: RunDisplay,
): Promise<Omit<BackupResult, 'seconds' | 'lateSeconds'>> {
  const chosen = chooseComponents(type, input.components ?? [], appliance);
  display.state('reserving');
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

interface Capture {
  readonly type: BackupType;
  readonly chosen: ApplianceView['components'];
  readonly begun: { readonly backupId: string; readonly repositoryId: string };
  readonly appliance: ApplianceView;
  readonly display: RunDisplay;
  readonly startedAt: string;
}

/** Captures what was chosen and seals it; throws where nothing could be captured. */
async function captureAll({
  type,
  chosen,
  begun,
  appliance,
  display,
  startedAt,
}: Capture): Promise<Omit<BackupResult, 'seconds' | 'lateSeconds'>> {
  display.state('capturing');
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

  display.state('sealing');
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
  display.state(state);
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
  appliance: ApplianceView,
): ApplianceView['components'] {
  const unknown = ids.filter((id) => !appliance.components.some((component) => component.id === id));
  if (unknown.length > 0) {
    const known = appliance.components.map(({ id }) => id).join(', ');
    throw ApplicationFailure.nonRetryable(
      `unknown component ${unknown.join(', ')}; known are ${known}. Example: {"components":["${known.split(', ')[0]}"]}`,
      'InputInvalid',
    );
  }
  if (ids.length > 0) return appliance.components.filter(({ id }) => ids.includes(id));
  if (type === 'full' || type === 'incremental') return appliance.components;
  const ofTier = appliance.components.filter(({ tier }) => tier === type);
  if (ofTier.length > 0) return ofTier;
  throw ApplicationFailure.nonRetryable(
    `no component has the tier \`${type}\`; give one \`tier: ${type}\` in lifeboat.yaml, or name components`,
    'InputInvalid',
  );
}

interface Conclusion {
  readonly type: BackupType;
  readonly appliance: ApplianceView;
  readonly display: RunDisplay;
  readonly result: BackupResult | undefined;
  readonly failure: unknown;
  readonly began: number;
  readonly late: number;
  readonly input: BackupInput;
}

async function conclude({ type, appliance, display, result, failure, began, late, input }: Conclusion): Promise<void> {
  const { workflowId } = workflowInfo();
  const view = display.view();
  const text = failure === undefined ? (result?.text ?? '') : `${rootCode(failure)}: ${rootMessage(failure)}`;
  // People first: the evidence may take its time on a storage that stutters.
  if (failure !== undefined || result?.state !== 'sealed') {
    await notify('outcome', `${title(type)} of ${appliance.name} ${view.state}: ${text} (${workflowId})`);
  }
  const { newlyLeftOut = [] } = result ?? {};
  if (newlyLeftOut.length > 0)
    await notify(
      'outcome',
      `${title(type)} of ${appliance.name} leaves out what it did not before: ${newlyLeftOut.join('; ')} (${workflowId})`,
    );
  await tellSkipped(type, appliance, began);
  await writeEvidence(appliance, {
    state: view.state,
    text,
    backup: view.subject,
    startedAt: new Date(began).toISOString(),
    endedAt: new Date().toISOString(),
    seconds: (Date.now() - began) / 1000,
    lateSeconds: late,
    bytes: result?.bytes ?? 0,
    storedBytes: result?.storedBytes ?? 0,
    steps: view.steps.map((step) => ({ ...step })),
    notes: [...view.notes],
    requestedBy: input.requestedBy ?? 'schedule',
    reason: input.reason ?? '',
  });
}

/** Those stand on a base that is large: what they add was read back when it was written, and what they stand on is looked at daily. */
const onBases: readonly BackupType[] = ['incremental', 'critical'];

/** A full one is read again and its databases are restored in private. */
async function startVerifying(type: BackupType, appliance: ApplianceView, id: string): Promise<void> {
  await startVerification(appliance, id, onBases.includes(type));
  if (type === 'full') await startProof(appliance, id);
}

/** The daily one is the backup; the others say which they are. */
function title(type: BackupType): string {
  if (type === 'full') return 'Backup';
  return `${type.charAt(0).toUpperCase()}${type.slice(1)} backup`;
}

/** A schedule starts nothing while a run of its own is open, and nobody would hear of it. */
async function tellSkipped(type: BackupType, appliance: ApplianceView, began: number): Promise<void> {
  const scheduleId = scheduledBy();
  if (scheduleId === undefined) return;
  const { workflowId } = workflowInfo();
  try {
    const due = await control({ summary: 'what was due meanwhile?' }).dueSince({
      scheduleId,
      since: new Date(began).toISOString(),
    });
    if (due.length > 0)
      await notify(
        'skipped',
        `${title(type)} of ${appliance.name} skipped: due ${due.join(', ')}, ${workflowId} was still open`,
      );
  } catch (error) {
    if (isCancellation(error)) throw error;
    // The run itself is what counts: a server that cannot say this has said nothing against it.
  }
}
