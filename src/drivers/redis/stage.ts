/** Fetches a snapshot and lays a data directory out for the server, beside the live one. */
import { lstat, realpath } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import type { RedisConfig } from '../../domain/appliance.ts';
import type { IndexEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Target } from '../../platform/target.ts';
import type { DriverEnvironment, RestoreContext, StageFacts } from '../driver.ts';
import { readOwners } from '../files/owners.ts';
import { isInside } from '../files/paths.ts';
import { ensureRoom, notDamaged } from '../folder/room.ts';
import { makeParents, makeStaging, removeStaging, stagedOrRemoved, stagingPath } from '../swap/staging.ts';
import { clearLive } from '../swap/swap.ts';
import { isDamaged } from './damage.ts';
import { configFolder, dumpPath, type RedisFacts } from './facts.ts';
import { refuseWhileHeld } from './holders.ts';
import { giveTo, hasManifest, layOut, layoutPaths, setMode } from './layout.ts';
import { restoredFacts, type RestoredFacts } from './restored-facts.ts';
import { findServerBinary, refuseNewerDump, type ServerBinary } from './server-binary.ts';
import type { FencingToken } from '../../domain/fencing-token.ts';
import type { SwapPair, SwapTuning } from '../swap/target-types.ts';

/**
 * VersionMismatch, NoSpace before the first byte, Precondition (`--replace-damaged` meets a live server or good data),
 * and those of the repository.
 */
export async function stageRedis(
  config: RedisConfig,
  environment: DriverEnvironment,
  context: RestoreContext,
  tuning: SwapTuning,
): Promise<StageFacts> {
  const restored = await restoredFacts(config, environment, context);
  const { facts, starts, layout, notes } = restored;
  const binary = await findServerBinary(config, environment.target);
  if (binary !== undefined) refuseNewerDump(binary, facts, config.id);
  const target = { component: config.id, lives: redisLives(config), token: context.token, tuning };
  const replace = {
    damaged: async () => damagedOnly(config, environment.target, starts, binary),
    clear: async (lives: readonly string[]) => clearLive(target, lives),
  };
  const copies = hasManifest(facts) ? 1 : 1 + layout.appends.length;
  await ensureRoom(new Map([[config.dataDirectory, facts.dumpBytes * copies]]), {
    component: config.id,
    removeLeftovers: async () => removeStaging(target),
    ...(context.replaceDamaged ? { replace } : {}),
  });
  return stagedOrRemoved(target, async () => ({ ...(await fetchAndLayOut(config, context, restored)), notes }));
}

async function fetchAndLayOut(
  config: RedisConfig,
  context: RestoreContext,
  { facts, layout }: RestoredFacts,
): Promise<StageFacts> {
  const staged = await makeStaging(config.dataDirectory, config.id, context.token);
  const outside = new Map<string, string>();
  for (const path of await missingConfigFiles(config, facts)) {
    await makeParents(dirname(path));
    outside.set(path, await stagingPath(path, config.id, context.token));
  }
  const result = await context.repository.materialize({
    indexId: context.record.indexId,
    into: staged,
    place: (entry) => placeOfFile(entry, config, outside),
    owner: process.getuid?.() === 0 ? 'recorded' : 'self',
    onProgress: context.onProgress,
    signal: context.signal,
  });
  await layOut(staged, layout, facts);
  const owner = await engineOwner(config, facts);
  if (owner !== undefined) {
    await giveTo(layoutPaths(staged, layout, facts), owner);
    await setMode(staged, owner.mode);
  }
  return {
    bytes: result.bytes,
    files: result.files,
    facts: { appendOnly: layout.appends.length > 0, configFiles: outside.size },
  };
}

/** The data directory, and configuration files that are gone. One that is there is the operator's, and newer. */
export async function redisPairs(config: RedisConfig, staged: FencingToken): Promise<SwapPair[]> {
  const lives = redisLives(config);
  const pairs: SwapPair[] = [];
  for (const live of lives) {
    const path = await stagingPath(live, config.id, staged);
    const isStaged = (await lstat(path).catch(() => undefined)) !== undefined;
    if (live === config.dataDirectory || isStaged) pairs.push({ live, staged: path });
  }
  return pairs;
}

/** Every path that a restore of this component may touch; the data directory first. Asks nothing of the repository. */
export function redisLives(config: RedisConfig): string[] {
  return [config.dataDirectory, ...outsideFiles(config)];
}

/** The user whose files the engine reads: the live folder's owner, else the captured one by name, then by number. */
export async function engineOwner(
  { dataDirectory }: RedisConfig,
  facts: RedisFacts,
): Promise<{ uid: number; gid: number; mode: number } | undefined> {
  const live = await lstat(await realpath(dataDirectory).catch(() => dataDirectory)).catch(() => undefined);
  if (live !== undefined) return { uid: live.uid, gid: live.gid, mode: live.mode & 0o7777 };
  if (facts.owner === undefined) return undefined;
  return { ...(await readOwners()).resolve(facts.owner), mode: facts.owner.mode };
}

/** Nothing but files is laid out: a link in the place of one would be followed when root gives the files away. */
function placeOfFile(entry: IndexEntry, config: RedisConfig, outside: ReadonlyMap<string, string>): string | undefined {
  const place = placeOf(entry, config, outside);
  if (place === undefined || entry.type === 'file') return place;
  throw new LifeboatError('ManifestInvalid', `\`${entry.path}\` in the index is a ${entry.type}, not a file`, {
    component: config.id,
  });
}

function placeOf(
  entry: IndexEntry,
  { dataDirectory, configFiles }: RedisConfig,
  outside: ReadonlyMap<string, string>,
): string | undefined {
  if (entry.path === dumpPath) return dumpPath;
  if (!entry.path.startsWith(`${configFolder}/`)) return undefined;
  const live = entry.path.slice(configFolder.length);
  // Only what is configured still is written, whatever the index names.
  if (!configFiles.includes(live)) return undefined;
  return isInside(live, dataDirectory) ? relative(dataDirectory, live) : outside.get(live);
}

async function missingConfigFiles(config: RedisConfig, facts: RedisFacts): Promise<string[]> {
  const missing: string[] = [];
  for (const path of outsideFiles(config)) {
    if (facts.configFiles.includes(path) && (await lstat(path).catch(() => undefined)) === undefined)
      missing.push(path);
  }
  return missing;
}

function outsideFiles({ dataDirectory, configFiles }: RedisConfig): string[] {
  return configFiles.filter((path) => !isInside(path, dataDirectory));
}

async function damagedOnly(
  config: RedisConfig,
  target: Target,
  starts: readonly RedisFacts[],
  binary: ServerBinary | undefined,
): Promise<readonly string[]> {
  await refuseWhileHeld(config, target);
  // What one of the possible starts would load is good.
  for (const facts of starts)
    if (!(await isDamaged(config, target, facts, binary))) throw notDamaged([config.dataDirectory], config.id);
  return [config.dataDirectory];
}
