/**
 * Proves a staged recovery point with the real engine: a private server recovers it to the end of its WAL, leaves
 * recovery on a new timeline, answers the content probes, and is shut down cleanly. Afterwards the directory is what
 * the live server will open. May be run again at any state.
 */
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { ProbeResult } from '../../../domain/recovery-point.ts';
import type { DriverEnvironment, RestoreContext } from '../../driver.ts';
import { findStaged } from '../../swap/staging.ts';
import { findPrograms } from '../server/programs.ts';
import { refuseWhileRunning } from './damaged.ts';
import { readFacts } from '../facts.ts';
import { asOther, ownerOf } from '../server/owner.ts';
import { endLeftover } from '../server/postmaster.ts';
import { recoverStaged, scanArchive, type Recovery } from './recover.ts';
import { restorePaths, swapTargetOf } from './restore-paths.ts';
import { isUntouched, requireMajor, walFolderOf } from './staged-directory.ts';
import type { StagedDirectory } from './staged-directory.ts';
import { refuseTablespaceRecords } from './tablespace-wal.ts';

/** With `latest` recovery waits for `finishPostgres`, because until then the live server writes on; what is archived is looked at. */
export async function validatePostgres(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
): Promise<ProbeResult[]> {
  const recovery = await prepare(config, environment, context);
  if (context.wal?.kind !== 'latest') return recoverStaged(recovery);
  await scanArchive(recovery);
  return [];
}

/** After the live server stopped: what it wrote until then is replayed too, from the archive or from its own disk. */
export async function finishPostgres(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
): Promise<ProbeResult[]> {
  await refuseWhileRunning(config, environment.target);
  return recoverStaged(await prepare(config, environment, context));
}

async function prepare(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
): Promise<Recovery> {
  const facts = await readFacts(context);
  const programs = await findPrograms(config, environment.target, facts.major);
  const owner = await ownerOf(config, environment.target);
  const directory = await stagedDirectory(config, context, { facts, owner });
  // A killed attempt's server must not see its files change under it.
  await endLeftover(directory.path);
  await requireMajor(directory.path, facts.major, config.id);
  // Later the WAL may be gone, and then an earlier attempt looked.
  if (await isUntouched(directory.path))
    await refuseTablespaceRecords(programs, walFolderOf(directory), facts, config.id);
  return { config, environment, context, facts, programs, owner, directory };
}

async function stagedDirectory(
  config: PostgresConfig,
  context: RestoreContext,
  { facts, owner }: Pick<Recovery, 'facts' | 'owner'>,
): Promise<StagedDirectory> {
  const paths = restorePaths(config, facts);
  const receipt = await findStaged(swapTargetOf(config, context, paths.lives), context.record.indexId);
  const path = receipt?.staged[paths.data];
  if (receipt === undefined || path === undefined) {
    throw new LifeboatError('Precondition', `nothing is staged for \`${paths.data}\` in run ${context.token.runId}`, {
      component: config.id,
    });
  }
  const elsewhere = paths.elsewhere.map(({ at, live }) => ({ at, live, staged: receipt.staged[live]! }));
  return { path, elsewhere, owner: asOther(owner) };
}
