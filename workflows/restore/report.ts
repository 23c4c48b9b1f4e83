/** What a restore leaves behind, however it ended: the evidence in the repository, word to people, a new full backup. */
import { workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { ProbeResult } from '../../src/domain/recovery-point.ts';
import { describeProbes, formatDuration } from '../../src/domain/replayed.ts';
import { fullBackup } from '../backup/backup.ts';
import { startBeside } from '../run/detached-child.ts';
import { writeEvidence } from '../run/evidence.ts';
import type { RestoreInput, RestoreResult } from '../messages.ts';
import { notify } from '../run/notification.ts';
import { rootCode, rootMessage } from '../plan/runner.ts';
import type { RunDisplay } from '../run/display.ts';

export interface RestoreRecord {
  readonly appliance: ApplianceView;
  readonly display: RunDisplay;
  readonly input: RestoreInput;
  /** Milliseconds since the epoch. */
  readonly began: number;
  readonly result: RestoreResult | undefined;
  readonly failure: unknown;
  readonly probes: readonly ProbeResult[];
  readonly notUndone: readonly string[];
  /** The restore is committed all the same. */
  readonly commitFailures: readonly string[];
  readonly estimateSeconds: number;
}

/** Told first, then stored: the evidence may take its time on a storage that stutters. A plan that was only shown is recorded and told to nobody. */
export async function recordRestore(record: RestoreRecord): Promise<void> {
  const { appliance, display, input, began, result, failure } = record;
  const { workflowId } = workflowInfo();
  const view = display.view();
  const seconds = (Date.now() - began) / 1000;
  const text = failure === undefined ? (result?.state ?? '') : `${rootCode(failure)}: ${rootMessage(failure)}`;
  if (failure !== undefined) {
    await notify('outcome', `Restore of ${appliance.name} ${view.state}: ${text.slice(0, 1500)} (${workflowId})`);
  } else if (result?.state === 'committed') {
    await notify(
      'outcome',
      [
        `Restore of ${appliance.name} from ${result.id} committed after ${formatDuration(seconds)} (${workflowId})`,
        ...(result.probes.length === 0 ? [] : [describeProbes(result.probes)]),
        ...(result.unproven ?? []).map((id) => `${id} is UNPROVEN: nothing of its content could be compared`),
        ...record.commitFailures,
      ]
        .join('; ')
        .slice(0, 1500),
    );
  }
  await writeEvidence(appliance, {
    state: view.state,
    text: text.slice(0, 4000),
    backup: view.subject,
    from: input.from ?? '',
    startedAt: new Date(began).toISOString(),
    endedAt: new Date().toISOString(),
    seconds,
    rtoBreached: display.breached,
    steps: view.steps.map((step) => ({ ...step })),
    probes: record.probes.map((probe) => ({ ...probe })),
    unproven: [...(result?.unproven ?? [])],
    safetyCopies: [...(result?.safetyCopies ?? [])],
    notUndone: [...record.notUndone],
    notes: [...view.notes],
    estimateSeconds: record.estimateSeconds,
    requestedBy: input.requestedBy ?? 'unknown',
    reason: input.reason ?? '',
  });
}

/** The restored appliance has no recovery point of its own yet: a full backup begins at once. */
export async function startFollowUpBackup(appliance: string, restored: string): Promise<string> {
  const workflowId = `fullBackup/${appliance}/${new Date().toISOString()}`;
  await startBeside(fullBackup, {
    workflowId,
    input: { requestedBy: 'restore', reason: `after the restore of ${restored}` },
    summary: `full backup after the restore of ${restored}`,
  });
  return workflowId;
}
