/**
 * Verifications that failed, by their reports, and of which no proof tells any more. A proof that is taken away leaves what it
 * said in `refutations/`; where that went as well, or where an earlier version noted none, the evidence of the run tells.
 */
import { isRefuted, type BackupId } from '../../domain/recovery-point.ts';
import { verdictOf } from '../../domain/proof-state.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import { smallAtOnce } from '../../repository/at-once.ts';
import type { Repository } from '../../repository/repository.ts';

export interface LostFailure {
  readonly id: BackupId;
  /** Key words of the report: who ran when. */
  readonly run: string;
}

/** One run for each sealed point. */
const verification = 'verifyBackup';
const runsLooked = 500;

/** The failures that were lost, for points that are there. */
export async function lostFailures(repository: Repository): Promise<LostFailure[]> {
  const there = new Set((await repository.listManifests()).flatMap(({ manifest }) => manifest?.timestamp ?? []));
  const found = new Map<BackupId, LostFailure>();
  const runs = (await repository.listReports(verification)).slice(0, runsLooked);
  const reports = await inLanes(smallAtOnce, runs, async ({ id: run }) => ({
    run,
    report: await repository.findReport(verification, run),
  }));
  for (const { run, report } of reports) {
    // A verification that could not be made names no point.
    const { state, backup } = report ?? {};
    if (state !== 'failed' || typeof backup !== 'string' || !there.has(backup) || found.has(backup)) continue;
    const { proofs } = await repository.knownProofs(backup);
    // A failure that was lifted stands beside what lifted it.
    if (!proofs.some((proof) => isRefuted(verdictOf(proof).state))) found.set(backup, { id: backup, run });
  }
  return [...found.values()];
}

export function lostFailureText({ id, run }: LostFailure): string {
  return `${run} found ${id} damaged, and the proof of it is gone`;
}
