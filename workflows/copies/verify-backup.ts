/** Verifies a stored recovery point: L1 every object and block authenticates, L3 every artefact has its structure. Takes no lock. */
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { Given, VerifyBackupInput, VerifyBackupResult } from '../messages.ts';
import { upkeep } from '../proxies.ts';
import { startDetachedChild } from '../run/detached-child.ts';
import { askedBy, runProcedure, type Run } from '../run/run.ts';

/** Starts one beside the caller, which does not wait for it. */
export async function startVerification({ name }: ApplianceView, at: string, quick: boolean): Promise<void> {
  await startDetachedChild(verifyBackup, {
    workflowId: `verifyBackup/${name}/${at}`,
    input: { at, quick, requestedBy: workflowInfo().workflowId },
    summary: `verify ${at} of ${name}`,
  });
}

export async function verifyBackup(...given: Given<VerifyBackupInput>): Promise<VerifyBackupResult> {
  return runProcedure<VerifyBackupInput, VerifyBackupResult>(given, {
    body: verify,
    tell: ({ result, failed, input }) => {
      if (result?.ok === true) return [];
      const text = failed === '' ? (result?.problems ?? []).join('; ') : failed;
      const point = result?.id ?? input.at ?? 'newest';
      return [
        {
          topic: 'outcome',
          severity: 'critical',
          text: `Backup validation failed for ${point}: ${text.slice(0, 1500)}`,
        },
      ];
    },
    evidence: ({ result, failed, input }) => ({
      text: failed === '' ? (result?.problems ?? []).join('; ') : failed,
      objects: result?.objects ?? 0,
      bytes: result?.bytes ?? 0,
      levels: [...(result?.levels ?? [])],
      ...askedBy(input),
    }),
    verdict: ({ id, ok, problems }) =>
      ok
        ? undefined
        : ApplicationFailure.nonRetryable(
            `recovery point ${id} is damaged: ${problems.slice(0, 5).join('; ')}`,
            'ObjectCorrupt',
          ),
  });
}

async function verify({ appliance, input, display }: Run<VerifyBackupInput>): Promise<VerifyBackupResult> {
  display.state({ status: 'verifying' });
  const result = await upkeep(appliance.host, {
    id: 'verify:recovery-point',
    summary: `verify ${input.at ?? 'newest'}`,
  }).verifyPoint({
    at: input.at ?? 'newest',
    components: input.components ?? [],
    quick: input.quick ?? false,
  });
  display.subject(result.id);
  display.state({ status: result.ok ? 'verified' : 'failed' });
  result.problems.slice(0, 20).forEach((problem) => display.note(problem));
  return result;
}
