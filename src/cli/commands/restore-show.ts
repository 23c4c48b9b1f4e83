/** `lifeboat restore show` */
import type { Appliance } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { evidenceOf, newestRestore, newestRuns } from '../../operations/evidence.ts';
import type { Repository } from '../../repository/repository.ts';
import { withParts } from '../context.ts';
import type { GlobalOptions } from '../globals.ts';
import { evidenceText } from '../output/evidence.ts';
import { print, printJson } from '../output/speak.ts';

/** The evidence in the repository: it outlives Temporal's history. */
export async function restoreShow(globals: GlobalOptions, run: string | undefined): Promise<void> {
  await withParts(globals, async ({ repository: open, appliance }) => {
    const repository = await open();
    const id = run ?? (await newestRestore(repository));
    const report = await evidenceOf(repository, id);
    if (report === undefined) throw await noReport(repository, appliance, id);
    if (globals.output === 'json') printJson(report);
    else print(evidenceText(id, report));
  });
}

async function noReport(repository: Repository, appliance: Appliance, id: string): Promise<LifeboatError> {
  const known = await newestRuns(repository, 5);
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
    const [{ withClient }, { isOpen }] = await Promise.all([
      import('../../client/temporal/connection.ts'),
      import('../../client/runs.ts'),
    ]);
    return await withClient(appliance, async (client) => isOpen(client, id));
  } catch {
    // Whether it runs is a courtesy: without Temporal the report is missing all the same.
    return false;
  }
}
