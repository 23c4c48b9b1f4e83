import type { PastRun } from '../../domain/plan/durations.ts';
import type { Repository } from '../../repository/repository.ts';
import { runReportOf } from '../run-report.ts';

/** Older ones tell of other data and perhaps of another machine. */
const newest = 20;

/** The steps of the newest committed restores, from their evidence. Evidence that cannot be read tells nothing. */
export async function pastRestores(repository: Repository): Promise<PastRun[]> {
  const listed = (await repository.listReports('restore')).slice(0, newest);
  const reports = await Promise.all(listed.map(async ({ type, id }) => repository.findReport(type, id)));
  return reports.flatMap((json) => {
    const report = runReportOf(json);
    if (report?.state.status !== 'committed') return [];
    return [
      { steps: report.steps.filter(({ state }) => state === 'done').map(({ id, seconds }) => ({ id, seconds })) },
    ];
  });
}
