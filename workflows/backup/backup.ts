/**
 * The backups: full, incremental, of the configuration, of monitoring data. They differ in what they take and in how a
 * database is captured (src/domain/recovery-point.ts), and go the same way:
 *  1. take the appliance lock, or end `skipped` after 30 min (which counts for the RPO);
 *  2. reserve the recovery point's id;
 *  3. capture every component, all at once; a failing one does not stop the others;
 *  4. seal: the manifest is the last object written. A point that lacks a component is sealed as partial, never as good;
 *  5. what was sealed is copied to every location and verified, by runs of their own.
 */
import { ApplicationFailure } from '@temporalio/workflow';
import type { ApplianceView } from '../../activities/control.ts';
import type { BackupType } from '../../src/domain/recovery-point.ts';
import { startRestoreTest } from '../copies/prove-backup.ts';
import { startReplication } from '../copies/replicate.ts';
import { startVerification } from '../copies/verify-backup.ts';
import type { BackupInput, BackupResult, Given } from '../messages.ts';
import { takeLock } from '../run/lock.ts';
import { askedBy, runProcedure } from '../run/run.ts';
import { lateSeconds } from '../run/schedule-info.ts';
import { capture } from './capture.ts';
import { messagesOf, tellLate, whatWasDue } from './tell.ts';

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

/** Those stand on a base that is large: what they add was read back when it was written, and what they stand on is looked at daily. */
const onBases: readonly BackupType[] = ['incremental', 'critical'];

/** A full one is read again and its databases are restored in private. */
async function startVerifying(type: BackupType, appliance: ApplianceView, id: string): Promise<void> {
  await startVerification(appliance, id, onBases.includes(type));
  if (type === 'full') await startRestoreTest(appliance, id);
}
