/** Swap, undo and commit of a restore. Each may be called twice and at any state. */
import { rm } from 'node:fs/promises';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import type { DriverEnvironment, RestoreContext } from '../../driver.ts';
import { findStaged, removeStaging, stagingPath } from '../../swap/staging.ts';
import { swapBack, swapIn, swapState } from '../../swap/swap.ts';
import { refuseWhileRunning } from './damaged.ts';
import { readFacts } from '../facts.ts';
import { makeConfigLinks } from '../links/make-links.ts';
import { endLeftover } from '../server/postmaster.ts';
import { privateFolder } from '../server/private-server.ts';
import { removeRecoveredState } from '../verify/recovered-state.ts';
import { restorePaths, swapTargetOf } from './restore-paths.ts';
import { isReadyForLive } from './staged-directory.ts';
import type { SwapPair } from '../../swap/target-types.ts';

/** Data directory, tablespaces and configuration files go live as one journaled unit. The server must be stopped. */
export async function swapPostgres(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
): Promise<void> {
  await refuseWhileRunning(config, environment.target);
  const paths = restorePaths(config, await readFacts(context));
  const target = swapTargetOf(config, context, paths.lives, environment.swap);
  const receipt = await findStaged(target, context.record.indexId);
  const pairs: SwapPair[] = [];
  for (const live of paths.lives) {
    const staged = receipt?.staged[live];
    if (staged !== undefined) pairs.push({ live, staged });
  }
  const data = receipt?.staged[paths.data];
  if (data !== undefined) {
    await endLeftover(data);
    await refuseUnvalidated(data, config.id);
  } else {
    // After a swap the staging is gone from its place: then its name only tells which swap is meant.
    pairs.unshift({ live: paths.data, staged: await stagingPath(paths.data, config.id, context.staged) });
  }
  await swapIn({ ...target, pairs });
  await makeConfigLinks(paths.configLinks);
}

/** A directory that still needs its base backup recovered would do so with live settings: perhaps into the archive. */
async function refuseUnvalidated(staged: string, component: string): Promise<void> {
  if (await isReadyForLive(staged)) return;
  throw new LifeboatError('Precondition', `the staged data directory \`${staged}\` was not validated to its end`, {
    component,
    hint: 'validate the component again; nothing was switched',
  });
}

/** Goes on where the run's signal was aborted: it is what puts the old data back. */
export async function undoPostgres(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
): Promise<void> {
  const { swap: tuning = {} } = environment;
  const lives = await livesOf(config, context);
  const target = { component: config.id, lives, token: context.token, tuning };
  const state = await swapState(target);
  const isSwapped = state.phase === 'swapped' || state.phase === 'swapping' || state.phase === 'backing';
  if (isSwapped && state.token?.runId === context.token.runId) await refuseWhileRunning(config, environment.target);
  await endPrivateServers(config, context, lives);
  await swapBack(target);
  await removeStaging(target);
  await removeRecoveredState({ config, environment, runId: context.token.runId });
}

export async function commitPostgres(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
): Promise<{ readonly safetyCopies: readonly string[] }> {
  const lives = await livesOf(config, context);
  const target = swapTargetOf(config, context, lives, environment.swap);
  await endPrivateServers(config, context, lives);
  await removeStaging(target);
  await removeRecoveredState({ config, environment, runId: context.token.runId });
  return { safetyCopies: (await swapState(target)).ownCopies };
}

/**
 * Going back must work when the repository is out of reach too. Without the sealed facts the data directory is known,
 * and it names the journal, which names the rest; staging of tablespaces then stays for the next call.
 */
async function livesOf(config: PostgresConfig, context: RestoreContext): Promise<readonly string[]> {
  try {
    return restorePaths(config, await readFacts(context)).lives;
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return [config.dataDirectory];
  }
}

/** Ends the private servers of every attempt of this run. */
async function endPrivateServers(
  config: PostgresConfig,
  context: RestoreContext,
  lives: readonly string[],
): Promise<void> {
  const receipt = await findStaged(swapTargetOf(config, context, lives), context.record.indexId);
  const own = await stagingPath(config.dataDirectory, config.id, context.staged);
  for (const path of new Set([own, receipt?.staged[config.dataDirectory] ?? own])) {
    await endLeftover(path);
    await rm(privateFolder(path), { recursive: true, force: true });
  }
}
