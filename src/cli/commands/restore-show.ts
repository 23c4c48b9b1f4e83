/** `lifeboat restore show` */
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { exposureReport } from '../../operations/rpo/location-coverage.ts';
import { rpoReport } from '../../operations/rpo/readings.ts';
import { rereadReport } from '../../operations/verify/place.ts';
import { expiryReport } from '../../repository/expiry.ts';
import { refutedReport } from '../../repository/refutations.ts';
import type { Repository } from '../../repository/repository.ts';
import { withParts } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { evidenceText, type Evidence } from '../output/evidence.ts';
import { print, printJson } from '../output/speak.ts';

/** The evidence in the repository: it outlives Temporal's history. */
export async function restoreShow(globals: GlobalOptions, run: string | undefined): Promise<void> {
  await withParts(globals, async ({ repository: open, appliance }) => {
    const repository = await open();
    const id = run ?? (await newestReport(repository));
    const report = await findReport(repository, id);
    if (report === undefined) throw await noReport(repository, appliance, id);
    if (globals.output === 'json') printJson(report);
    else print(evidenceText(id, report));
  });
}

/** By the type in the id of a run of ours; a person may have given it any other. */
async function findReport(repository: Repository, id: string): Promise<Evidence | undefined> {
  const report = await repository.getReport(id.split('/')[0] ?? '', id);
  if (report !== undefined) return report;
  const stored = (await repository.listReports()).find((each) => each.id === id);
  return stored === undefined ? undefined : repository.getReport(stored.type, id);
}

async function newestReport(repository: Repository): Promise<string> {
  const [newest] = await repository.listReports('restore');
  if (newest !== undefined) return newest.id;
  throw new LifeboatError('NotFound', 'the repository holds no report of a restore', {
    hint: 'no restore has ended yet; a running one: `lifeboat restore watch`',
  });
}

/** Reports that tell how things stand, not how a run ended. */
const states: readonly string[] = [exposureReport, rpoReport, rereadReport, expiryReport, refutedReport];

async function noReport(repository: Repository, appliance: Appliance, id: string): Promise<LifeboatError> {
  const runs = (await repository.listReports()).filter(({ type }) => !states.includes(type));
  const known = runs.map((report) => report.id).slice(0, 5);
  const message = `the repository holds no report of \`${id}\``;
  if (await stillRuns(appliance, id))
    return new LifeboatError('NotFound', `${message}: it still runs`, { hint: `\`lifeboat restore watch ${id}\`` });
  return new LifeboatError('NotFound', message, {
    hint: known.length === 0 ? 'no run has ended yet' : `the newest are\n    ${known.join('\n    ')}`,
  });
}

async function stillRuns(appliance: Appliance, id: string): Promise<boolean> {
  try {
    // Asked only here: the evidence itself needs nothing of Temporal.
    const { withClient } = await import('../../client/temporal/connection.ts');
    return await withClient(
      appliance,
      async (client) => (await client.workflow.getHandle(id).describe()).status.name === 'RUNNING',
    );
  } catch {
    // Whether it runs is a courtesy: without Temporal the report is missing all the same.
    return false;
  }
}
