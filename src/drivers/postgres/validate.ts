/**
 * Proves a staged recovery point with the real engine: a private server recovers it to the end of its WAL, leaves
 * recovery on a new timeline, answers the content probes, and is shut down cleanly. Afterwards the directory is what
 * the live server will open. May be run again at any state.
 */
import type { PostgresConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { RestoreContext } from '../driver.ts';
import { findStaged } from '../swap/staging.ts';
import { findBinaries } from './binaries.ts';
import { sortingProbes } from './collations.ts';
import { probeContent } from './content-probes.ts';
import { readFacts } from './facts.ts';
import type { SealedFacts } from './facts.ts';
import { engineFailure } from './failures.ts';
import { parseLsn } from '../../domain/lsn.ts';
import { asOther, ownerOf } from './owner.ts';
import { startPrivateServer } from './private-server.ts';
import type { PrivateServerOptions } from './private-server.ts';
import { endLeftover } from './postmaster.ts';
import { restorePaths, swapTargetOf } from './restore-paths.ts';
import {
  finishForLive,
  isReadyForLive,
  isUntouched,
  prepareForRecovery,
  recoveredTo,
  requireMajor,
} from './staged-directory.ts';
import type { StagedDirectory } from './staged-directory.ts';
import { refuseTablespaceRecords } from './tablespace-wal.ts';

export async function validatePostgres(config: PostgresConfig, context: RestoreContext): Promise<ProbeResult[]> {
  const facts = await readFacts(context);
  const binDirectory = await findBinaries(config, facts.major);
  const owner = await ownerOf(config);
  const directory = await stagedDirectory(config, context, facts);
  // A killed attempt's server must not see its files change under it.
  await endLeftover(directory.path);
  await requireMajor(directory.path, facts.major, config.id);
  // Later the WAL may be gone, and then an earlier attempt looked.
  if (await isUntouched(directory.path)) await refuseTablespaceRecords(binDirectory, directory.path, facts, config.id);
  await prepareForRecovery(directory);
  const results = await probePrivately(
    { component: config.id, binDirectory, dataDirectory: directory.path, facts, owner, signal: context.signal },
    context,
  );
  await finishForLive(directory);
  if (!(await isReadyForLive(directory.path))) {
    throw new LifeboatError('ValidationFailed', 'the private server left its data directory in need of recovery', {
      component: config.id,
    });
  }
  return [...(await positionProbe(directory.path, facts, config.id)), ...results];
}

async function stagedDirectory(
  config: PostgresConfig,
  context: RestoreContext,
  facts: SealedFacts,
): Promise<StagedDirectory> {
  const paths = restorePaths(config, facts);
  const receipt = await findStaged(swapTargetOf(config, context, paths.lives), context.record.indexId);
  const path = receipt?.staged[paths.data];
  if (receipt === undefined || path === undefined) {
    throw new LifeboatError('Precondition', `nothing is staged for \`${paths.data}\` in run ${context.token.runId}`, {
      component: config.id,
    });
  }
  const tablespaces = paths.tablespaces.map(({ oid, live }) => ({ oid, live, staged: receipt.staged[live]! }));
  return { path, tablespaces, owner: asOther(await ownerOf(config)) };
}

async function probePrivately(options: PrivateServerOptions, context: RestoreContext): Promise<ProbeResult[]> {
  const { component, facts } = options;
  context.onProgress({ phase: 'recover', bytesDone: 0, bytesTotal: 0, note: 'the private server replays WAL' });
  const server = await startPrivateServer(options);
  try {
    context.onProgress({ phase: 'probe', bytesDone: 0, bytesTotal: 0, note: `${facts.tables.length} tables` });
    const session = await server.connect(facts.database);
    try {
      const results = await probeContent(session, facts, component);
      return [...results, ...(await sortingProbes(server, facts, component))];
    } finally {
      await session.end();
      await server.stop();
    }
  } catch (error) {
    context.signal.throwIfAborted();
    throw engineFailure(error, component, 'probe the staged data');
  } finally {
    await server.kill();
  }
}

/** Recovery must have come at least to the end of the base backup. */
async function positionProbe(path: string, facts: SealedFacts, component: string): Promise<ProbeResult[]> {
  const reached = await recoveredTo(path);
  const ok = reached !== undefined && parseLsn(reached.lsn) >= parseLsn(facts.stopLsn);
  const actual = reached === undefined ? 'not known' : `${reached.lsn} (timeline ${reached.timeline})`;
  return [{ component, name: 'recovered position', expected: `at least ${facts.stopLsn}`, actual, ok }];
}
