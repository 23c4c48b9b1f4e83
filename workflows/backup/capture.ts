/** Captures what a backup is of, all components at once, and seals the recovery point. */
import { ApplicationFailure, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { BackupType, Receipt } from '../../src/domain/recovery-point.ts';
import { captureNotes, formatBytes, roleOfKind } from '../../src/domain/replayed.ts';
import type { BackupInput, BackupResult } from '../messages.ts';
import { brief, components, priority, storage } from '../proxies.ts';
import type { RunDisplay } from '../run/display.ts';
import { rootCode, rootMessage } from '../run/failure.ts';
import { requireKnown } from '../run/known.ts';
import type { Run } from '../run/run.ts';

interface Failure {
  readonly component: string;
  readonly code: string;
  readonly message: string;
}

export type Captured = Omit<BackupResult, 'seconds' | 'lateSeconds'>;

/** Throws where nothing could be captured, or it could not be sealed. */
export async function capture(type: BackupType, run: Run<BackupInput>): Promise<Captured> {
  const { appliance, input, display, onEnd } = run;
  const chosen = chooseComponents(type, input.components ?? [], appliance);
  display.state({ status: 'reserving' });
  const startedAt = new Date().toISOString();
  const { runId } = workflowInfo();
  const begun = await storage(appliance.host, {
    id: 'reserve:recovery-point',
    summary: 'reserve the recovery point',
    priority: priority.backup,
  }).beginBackup({
    owner: runId,
    at: startedAt,
  });
  display.subject(begun.backupId);
  let isSealed = false;
  onEnd(async () => {
    if (!isSealed) await giveUp(run, begun);
  });
  const captured = await captureAll({ type, chosen, begun, appliance, display, startedAt });
  isSealed = true;
  return captured;
}

/** A repository that fails here too must not hide why the backup failed; an intent expires by itself. */
async function giveUp({ appliance, display }: Run<BackupInput>, begun: Capture['begun']): Promise<void> {
  try {
    await brief(appliance.host, { id: 'release:recovery-point', summary: 'give up the reserved id' }).releaseBackup(
      begun,
    );
  } catch (error) {
    display.note(`${begun.backupId} stays reserved: ${rootMessage(error)}`);
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
          { id: `capture:${id}`, priority: priority.backup },
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
    id: 'seal:recovery-point',
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
