/** The evidence of runs, in the repository: it outlives Temporal's history. */
import { LifeboatError } from '../domain/errors.ts';
import { expiryReport } from '../repository/expiry.ts';
import { refutedReport } from '../repository/refutations.ts';
import type { Report } from '../repository/reports.ts';
import type { Repository } from '../repository/repository.ts';
import { exposureReport } from './rpo/location-coverage.ts';
import { rpoReport } from './rpo/readings.ts';
import { rereadReport } from './verify/place.ts';

/** By the type in the id of a run of ours; a person may have given it any other. Undefined where there is none. */
export async function evidenceOf(repository: Repository, id: string): Promise<Report | undefined> {
  const report = await repository.getReport(id.split('/')[0] ?? '', id);
  if (report !== undefined) return report;
  const stored = (await repository.listReports()).find((each) => each.id === id);
  return stored === undefined ? undefined : repository.getReport(stored.type, id);
}

/** Id of the restore that ended last. NotFound. */
export async function newestRestore(repository: Repository): Promise<string> {
  const [newest] = await repository.listReports('restore');
  if (newest !== undefined) return newest.id;
  throw new LifeboatError('NotFound', 'the repository holds no report of a restore', {
    hint: 'no restore has ended yet; a running one: `lifeboat restore watch`',
  });
}

/** Reports that tell how things stand, not how a run ended. */
const states: readonly string[] = [exposureReport, rpoReport, rereadReport, expiryReport, refutedReport];

/** Ids of the runs that ended last, the newest first. */
export async function newestRuns(repository: Repository, count: number): Promise<string[]> {
  const runs = (await repository.listReports()).filter(({ type }) => !states.includes(type));
  return runs.map(({ id }) => id).slice(0, count);
}
