/** The switch itself, and the two ways out of it. */
import { existsSync } from 'node:fs';
import type { RedisConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import type { Target } from '../../platform/target.ts';
import type { Committed, DriverEnvironment, RestoreContext, RestoreTarget } from '../driver.ts';
import { removeStaging } from '../swap/staging.ts';
import { swapBack, swapIn, swapState } from '../swap/swap.ts';
import { restoreTargetOf } from '../swap/target.ts';
import { isSameRun } from '../swap/token.ts';
import { refuseWhileHeld } from './holders.ts';
import { mainFile } from './restored-facts.ts';
import { findServerBinary, refuseNewerDump } from './server-binary.ts';
import { knowsArguments, nextStart, readLive, type StartSettings } from './next-start.ts';
import { oneName, oneNameHint } from './possible-starts.ts';
import { isClusterAtStart, otherFolder, primaryAtStart, settingOf } from './start-settings.ts';
import { redisLives, redisPairs } from './stage.ts';
import { removeUnused } from './unused-files.ts';
import type { SwapTarget, SwapTuning } from '../swap/target-types.ts';

/** The sealed facts are not at hand here: version and size come from the manifest's clear facts. */
export async function redisTargets(
  config: RedisConfig,
  { target: host, startCommands = [] }: DriverEnvironment,
  record: ComponentRecord,
): Promise<RestoreTarget[]> {
  const target = await restoreTargetOf({ live: config.dataDirectory, needBytes: record.bytes });
  const next = await nextStart({
    commands: startCommands,
    configFiles: [mainFile(config.configFiles)],
    read: readLive,
  });
  const problems = [
    await dumpProblem(config, host, record),
    knowsArguments(startCommands) || !ranHere(record) ? await folderProblem(config, next) : undefined,
    roleProblem(config, next, record),
    clusterProblem(config, next, record),
    nameProblem(next),
  ];
  // Configuration that is there stays; what is not is written.
  const missing = redisLives(config)
    .slice(1)
    .filter((path) => !existsSync(path));
  const written = await Promise.all(missing.map(async (live) => restoreTargetOf({ live, needBytes: 0 })));
  return [{ ...target, problems: [...target.problems, ...problems.flatMap((problem) => problem ?? [])] }, ...written];
}

/** Staging refuses the same of names that the sealed facts add. */
function nameProblem(next: StartSettings | undefined): TargetProblem | undefined {
  const name = settingOf(next, 'dbfilename') ?? '';
  if (name !== settingOf(next, 'appenddirname')) return undefined;
  return { code: 'Precondition', message: oneName(name), hint: oneNameHint };
}

type TargetProblem = RestoreTarget['problems'][number];

async function dumpProblem(
  config: RedisConfig,
  host: Target,
  { facts }: ComponentRecord,
): Promise<TargetProblem | undefined> {
  const binary = await findServerBinary(config, host);
  const { serverVersion, rdbVersion } = facts;
  if (binary === undefined || typeof serverVersion !== 'string' || typeof rdbVersion !== 'number') return undefined;
  try {
    refuseNewerDump(binary, { serverVersion, rdbVersion }, config.id);
    return undefined;
  } catch (error) {
    if (!isLifeboatError(error)) throw error;
    return { code: error.code, message: error.message, hint: error.hint };
  }
}

/** Its file named another folder than this one already when it was captured from it: an argument of the command decides. */
function ranHere({ facts }: ComponentRecord): boolean {
  const differed = facts['configDiffers'];
  return Array.isArray(differed) && differed.includes('dir') && facts['way'] === 'save';
}

async function folderProblem(config: RedisConfig, next: StartSettings | undefined): Promise<TargetProblem | undefined> {
  const folder = await otherFolder(next, config);
  if (folder === undefined) return undefined;
  return {
    code: 'Precondition',
    message: `the server will start with \`dir ${folder}\` and would not find what is restored to \`${config.dataDirectory}\``,
    hint: `make \`dataDirectory\` of \`${config.id}\` and \`dir\` the same folder`,
  };
}

/** A replica forgets what it loaded as soon as it reaches its primary. Of a start that is not known the captured one tells. */
function roleProblem(
  { id, configFiles }: RedisConfig,
  next: StartSettings | undefined,
  { facts }: ComponentRecord,
): TargetProblem | undefined {
  const primary = next === undefined ? facts['startsAsReplicaOf'] : primaryAtStart(next);
  if (typeof primary !== 'string') return undefined;
  return {
    code: 'Precondition',
    message: `the server will start as a replica of ${primary}, which would replace all that is restored`,
    hint: `restore the primary: set \`hostname\`, \`port\` and \`dataDirectory\` of \`${id}\` to it; or remove \`replicaof\` from ${startPlace(next, configFiles)}`,
  };
}

/** Its slots are told by a file that the restored folder lacks; with that file another node may be the primary of them by now. */
function clusterProblem(
  { configFiles }: RedisConfig,
  next: StartSettings | undefined,
  { facts }: ComponentRecord,
): TargetProblem | undefined {
  if (!(next === undefined ? facts['startsInCluster'] === true : isClusterAtStart(next))) return undefined;
  return {
    code: 'Precondition',
    message: 'the server will start as a node of a cluster, without the slots of the restored keys',
    hint: `set \`cluster-enabled no\` in ${startPlace(next, configFiles)}, restore, then bring the keys into the cluster with \`redis-cli --cluster import\``,
  };
}

/** Where a person changes how the server will start. */
function startPlace(next: StartSettings | undefined, configFiles: readonly string[]): string {
  const file = mainFile(configFiles);
  if (next !== undefined)
    return file === undefined ? 'the command that starts it' : `\`${file}\` and the command that starts it`;
  return file === undefined
    ? 'its configuration file, and name that file in `configFiles`, so that it can be read here'
    : `\`${file}\`, which must be there and readable`;
}

/** Precondition while any process uses the live folder: it would save over what is put there. */
export async function swapRedis(
  config: RedisConfig,
  host: Target,
  context: RestoreContext,
  tuning: SwapTuning,
): Promise<void> {
  const target = { component: config.id, lives: redisLives(config) };
  const state = await swapState(target);
  const isDone = state.phase === 'swapped' && state.token !== undefined && isSameRun(state.token, context.token);
  // Called again after success, the server may run on the restored data already.
  if (!isDone) await refuseWhileHeld(config, host);
  await swapIn({ ...targetOf(config, context, tuning), pairs: await redisPairs(config, context.staged) });
}

export async function undoRedis(
  config: RedisConfig,
  host: Target,
  context: RestoreContext,
  tuning: SwapTuning,
): Promise<void> {
  const target = targetOf(config, context, tuning);
  const { phase, token } = await swapState(target);
  const mustMove = phase !== 'none' && phase !== 'back' && token !== undefined && isSameRun(token, context.token);
  if (mustMove) await refuseWhileHeld(config, host);
  await swapBack(target);
  await removeStaging(target);
}

export async function commitRedis(
  config: RedisConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
  tuning: SwapTuning,
): Promise<Committed> {
  const target = targetOf(config, context, tuning);
  await removeStaging(target);
  const notes = await removeUnused(config, environment, context);
  return { safetyCopies: (await swapState(target)).ownCopies, notes };
}

/** From configuration alone: an undo must not need the repository. */
function targetOf(config: RedisConfig, { token }: RestoreContext, tuning: SwapTuning): SwapTarget {
  return { component: config.id, lives: redisLives(config), token, tuning };
}
