/** `lifeboat` alone: what is happening, is it moving, will we make the RTO, what do you need from me, what comes next. */
import { withClient } from '../../client/temporal/connection.ts';
import { overviewOf, type Overview } from '../../client/overview.ts';
import { runningPrivateServer } from '../../client/temporal/private-server.ts';
import type { Appliance } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import { lostOf } from '../../operations/recovery-points/lost.ts';
import { readLocationAges, type LocationAge } from '../../operations/rpo/location-coverage.ts';
import { readCoverage, type Coverage } from '../../operations/rpo/coverage.ts';
import type { Repository } from '../../repository/repository.ts';
import { withParts } from '../context.ts';
import { commandOf, type GlobalOptions } from '../globals.ts';
import { print, printJson, say } from '../output/speak.ts';
import { describeError, exit } from '../exit.ts';
import { nextCommands, nowText, problemsOf, type NowPage } from '../output/now-page.ts';

/** Exit 3 where something is wrong, 9 where Temporal does not answer. */
export async function now(globals: GlobalOptions): Promise<void> {
  await withParts(globals, async ({ appliance, repository }) => {
    const [{ protection, locations, problem }, overview] = await Promise.all([
      readRepository(repository, appliance),
      ask(globals, appliance),
    ]);
    const page: NowPage = {
      appliance: appliance.name,
      at: new Date(),
      protection,
      lost: protection === undefined ? [] : await lostPoints(await repository(), overview),
      locations: locations ?? [],
      repositoryProblem: problem,
      privateServer: overview === undefined ? runningPrivateServer(appliance) : undefined,
      overview,
    };
    const problems = problemsOf(page);
    if (globals.output === 'json')
      printJson({
        appliance: page.appliance,
        at: page.at.toISOString(),
        problems,
        protection: protection ?? null,
        lost: page.lost,
        locations: page.locations,
        orchestrator: overview ?? null,
      });
    else
      print(
        nowText(
          page,
          nextCommands(page).map((words) => commandOf(globals, words)),
        ),
      );
    if (overview === undefined) process.exitCode = exit.unreachable;
    else if (problems.length > 0) process.exitCode = exit.degraded;
  });
}

async function readRepository(
  open: () => Promise<Repository>,
  appliance: Appliance,
): Promise<{
  readonly protection?: Coverage;
  readonly locations?: readonly LocationAge[];
  readonly problem?: string;
}> {
  try {
    const repository = await open();
    const at = new Date();
    return {
      protection: await readCoverage(repository, appliance, at),
      locations: await readLocationAges(repository, appliance, at),
    };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

async function lostPoints(repository: Repository, overview: Overview | undefined): Promise<string[]> {
  const sealed = new Map((overview?.sealed ?? []).map(({ id, by }) => [id, by]));
  try {
    return (await lostOf(repository, { reports: 'recent', sealed })).map(({ problem = '' }) => problem);
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    return [`nobody knows which recovery points are: ${error.message}`];
  }
}

/** Undefined, and said, while Temporal does not answer. */
async function ask(globals: GlobalOptions, appliance: Appliance): Promise<Overview | undefined> {
  try {
    return await withClient(appliance, async (client) => overviewOf(client, appliance));
  } catch (error) {
    if (!isLifeboatError(error, 'Unreachable')) throw error;
    say(describeError(error, globals));
    return undefined;
  }
}
