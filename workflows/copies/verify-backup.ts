/** Verifies a stored recovery point: L1 every object and block authenticates, L3 every artefact has its structure. Takes no lock. */
import { ApplicationFailure, CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import { begin } from '../run/begin.ts';
import { writeEvidence } from '../run/evidence.ts';
import type { Given, VerifyBackupInput, VerifyBackupResult } from '../messages.ts';
import { startBeside } from '../run/detached-child.ts';
import { notify } from '../run/notification.ts';
import { upkeep } from '../proxies.ts';
import { rootCode, rootMessage } from '../plan/runner.ts';
import { RunDisplay } from '../run/display.ts';

/** Starts one beside the caller, which does not wait for it. */
export async function startVerification({ name }: ApplianceView, at: string, quick: boolean): Promise<void> {
  await startBeside(verifyBackup, {
    workflowId: `verifyBackup/${name}/${at}`,
    input: { at, quick, requestedBy: workflowInfo().workflowId },
    summary: `verify ${at} of ${name}`,
  });
}

export async function verifyBackup(...given: Given<VerifyBackupInput>): Promise<VerifyBackupResult> {
  const display = new RunDisplay();
  const began = Date.now();
  const { appliance, input } = await begin(display, given);
  let result: VerifyBackupResult | undefined;
  let failure: unknown;
  try {
    display.state('verifying');
    result = await upkeep(appliance.host, { summary: `verify ${input.at ?? 'newest'}` }).verifyPoint({
      at: input.at ?? 'newest',
      components: input.components ?? [],
      quick: input.quick ?? false,
    });
    display.subject(result.id);
    display.state(result.ok ? 'verified' : 'failed');
    result.problems.slice(0, 20).forEach((problem) => display.note(problem));
  } catch (error) {
    failure = error;
    display.state('failed');
  }
  await CancellationScope.nonCancellable(async () => {
    const { workflowId } = workflowInfo();
    const text =
      failure === undefined ? (result?.problems.join('; ') ?? '') : `${rootCode(failure)}: ${rootMessage(failure)}`;
    if (failure !== undefined || result?.ok !== true) {
      await notify(
        'outcome',
        `Backup validation failed for ${result?.id ?? input.at ?? 'newest'}: ${text.slice(0, 1500)} (${workflowId})`,
      );
    }
    await writeEvidence(appliance, {
      state: display.view().state,
      text: text.slice(0, 2000),
      backup: result?.id ?? '',
      startedAt: new Date(began).toISOString(),
      endedAt: new Date().toISOString(),
      seconds: (Date.now() - began) / 1000,
      objects: result?.objects ?? 0,
      bytes: result?.bytes ?? 0,
      levels: [...(result?.levels ?? [])],
      requestedBy: input.requestedBy ?? 'unknown',
    });
  });
  if (failure !== undefined) throw failure;
  if (result === undefined || !result.ok) {
    throw ApplicationFailure.nonRetryable(
      `recovery point ${result?.id ?? ''} is damaged: ${result?.problems.slice(0, 5).join('; ') ?? ''}`,
      'ObjectCorrupt',
    );
  }
  return result;
}
