import type { PastRun } from '../../domain/plan/durations.ts';
import type { JsonValue } from '../../domain/recovery-point.ts';
import type { Repository } from '../../repository/repository.ts';

/** Older ones tell of other data and perhaps of another machine. */
const newest = 20;

/** The steps of the newest committed restores, from their evidence. Evidence that cannot be read tells nothing. */
export async function pastRestores(repository: Repository): Promise<PastRun[]> {
  const listed = (await repository.listReports('restore')).slice(0, newest);
  const reports = await Promise.all(listed.map(async ({ type, id }) => repository.findReport(type, id)));
  return reports.flatMap((report) =>
    report?.['state'] === 'committed' && Array.isArray(report['steps']) ? [{ steps: doneSteps(report['steps']) }] : [],
  );
}

function doneSteps(steps: readonly JsonValue[]): PastRun['steps'] {
  return steps.flatMap((step) => {
    if (typeof step !== 'object' || step === null || !('id' in step)) return [];
    const { id, seconds, state } = step;
    return state === 'done' && typeof id === 'string' && typeof seconds === 'number' ? [{ id, seconds }] : [];
  });
}
