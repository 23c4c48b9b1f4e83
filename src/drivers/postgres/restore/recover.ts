/**
 * Recovers a staged data directory in a private server: to the end of the recovery point, or through archived WAL to a
 * moment. Ends on a new timeline that nobody used before, cleanly shut down, ready for the live server.
 */
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { causes } from '../../../domain/causes.ts';
import { isLifeboatError, LifeboatError } from '../../../domain/errors.ts';
import { formatLsn, parseLsn } from '../../../domain/lsn.ts';
import { plural } from '../../../domain/plural.ts';
import type { ProbeResult } from '../../../domain/recovery-point.ts';
import type { WalTarget } from '../../../domain/restore/target.ts';
import { reachFrom, segmentsBetween, type TimelineSwitch, type WalPiece } from '../../../domain/wal.ts';
import type { WalArchive } from '../../../repository/repository.ts';
import type { DriverEnvironment, RestoreContext } from '../../driver.ts';
import { sortingProbes } from './collations.ts';
import { probeContent } from '../verify/content-probes.ts';
import type { Session } from '../server/connection.ts';
import { expectedTables, type SealedFacts } from '../facts.ts';
import { engineFailure } from '../server/failures.ts';
import type { RecoveryGoal } from '../server/private-config.ts';
import { startPrivateServer } from '../server/private-server.ts';
import type { PrivateServer, PrivateServerOptions } from '../server/private-server.ts';
import { writeRecoveredState } from '../verify/recovered-state.ts';
import { finishForLive, isReadyForLive, prepareForRecovery, recoveredTo } from './staged-directory.ts';
import type { StagedDirectory } from './staged-directory.ts';
import { beginUnsynced, endUnsynced } from './unsynced.ts';
import { guardTablespaces } from '../wal/tablespace-guard.ts';
import { archiveSalvaged } from '../wal/salvage.ts';
import {
  archiveSource,
  endOfTimeline,
  historySource,
  salvagingSource,
  type WalSource,
  type WalWay,
} from '../wal/source.ts';
import { segmentStartOf } from '../wal/where-to-start.ts';
import type { Owner } from '../../../platform/target.ts';
import type { ServerPrograms } from '../server/programs.ts';

export interface Recovery {
  readonly config: PostgresConfig;
  readonly environment: DriverEnvironment;
  readonly context: RestoreContext;
  readonly facts: SealedFacts;
  readonly programs: ServerPrograms;
  readonly owner: Owner;
  readonly directory: StagedDirectory;
}

/** Recovers, proves and shuts down. May be called again at any state. */
export async function recoverStaged(recovery: Recovery): Promise<ProbeResult[]> {
  const { config, context, facts, directory } = recovery;
  await beginUnsynced(directory, config.id);
  await prepareForRecovery(directory);
  const { archive, source, reach } = await wayToArchive(recovery);
  const results = await probePrivately(recovery, source, reach);
  const reached = await recoveredTo(directory.path);
  if (context.wal?.kind === 'latest' && reached !== undefined) {
    const { timeline } = context.wal;
    await archiveSalvaged(archive, source, { timeline, switchLsn: parseLsn(reached.lsn), now: new Date() });
  }
  await finishForLive(directory);
  await endUnsynced(directory);
  if (!(await isReadyForLive(directory.path))) {
    throw new LifeboatError('ValidationFailed', 'the private server left its data directory in need of recovery', {
      component: config.id,
    });
  }
  return [positionProbe(reached, facts, context.wal, config.id), ...results];
}

/** So many segments are fetched while one is looked at. */
const scannedAhead = 3;

/**
 * For `latest`, whose replay waits until the server has stopped: looks at what is archived until then. Precondition for a
 * record that could not be replayed, while everything still runs.
 */
export async function scanArchive({ config, context, facts, programs }: Recovery): Promise<void> {
  const { wal, signal, onProgress } = context;
  if (wal === undefined) return;
  const { systemIdentifier: systemId, walSegmentBytes: segmentBytes, timeline, stopLsn } = facts;
  const archive = context.repository.wal({ component: config.id, systemId, segmentBytes });
  const base = { timeline, stopLsn: parseLsn(stopLsn) };
  const end = { timeline: wal.timeline, endLsn: parseLsn(wal.endLsn) };
  const history = await historyOf(archive, base.timeline, wal.timeline);
  const names = segmentsBetween(base, end, history, segmentBytes);
  const way = wayOf(facts, wal, history);
  const guard = await guardTablespaces({
    source: archiveSource(archive, await piecesOn(archive, facts, way), way),
    programs,
    segmentBytes,
    from: { timeline, lsn: base.stopLsn },
    goal: goalOf(wal, facts),
    component: config.id,
  });
  try {
    const asked: Promise<unknown>[] = [];
    for (const [index, name] of names.entries()) {
      signal.throwIfAborted();
      const looked = guard.source(name);
      looked.catch(() => undefined);
      asked.push(looked);
      if (asked.length > scannedAhead) await asked.shift();
      const note = 'the archived WAL is looked at before anything stops';
      onProgress({ phase: 'scan', bytesDone: index * segmentBytes, bytesTotal: names.length * segmentBytes, note });
    }
    await Promise.all(asked);
  } finally {
    await guard.end();
  }
}

interface Way {
  readonly archive: WalArchive;
  readonly source: WalSource;
  /** How far the archive leads without a hole, against the position that was asked for. */
  readonly reach: 'short' | 'exact' | 'beyond';
}

async function wayToArchive({ config, context, facts }: Recovery): Promise<Way> {
  const { systemIdentifier: systemId, walSegmentBytes: segmentBytes } = facts;
  const archive = context.repository.wal({ component: config.id, systemId, segmentBytes });
  if (context.wal === undefined)
    return { archive, source: historySource(archive, wayOf(facts, undefined, [])), reach: 'beyond' };
  const history = await historyOf(archive, facts.timeline, context.wal.timeline);
  const way = wayOf(facts, context.wal, history);
  const pieces = await piecesOn(archive, facts, way);
  const source =
    context.wal.kind === 'latest'
      ? salvagingSource(archive, pieces, way, config.dataDirectory)
      : archiveSource(archive, pieces, way);
  return { archive, source, reach: reachOf(pieces, facts, context.wal, history) };
}

/** The history of the timeline that is recovered to. Where the base lies on that one, nothing leads over its ancestors. */
async function historyOf(archive: WalArchive, from: number, to: number): Promise<TimelineSwitch[]> {
  return archive.ancestors(to).catch((error: unknown) => {
    if (from !== to || !isLifeboatError(error, 'ObjectCorrupt')) throw error;
    return [];
  });
}

function wayOf({ timeline }: SealedFacts, wal: WalTarget | undefined, history: readonly TimelineSwitch[]): WalWay {
  if (wal === undefined) return { from: timeline, line: [{ timeline, switchLsn: 0n }] };
  const isPosition = wal.kind === 'lsn' || wal.kind === 'point';
  const switchLsn = isPosition ? parseLsn(wal.value) : endOfTimeline;
  return { from: timeline, line: [...history, { timeline: wal.timeline, switchLsn }] };
}

/** From the segment on in which the base ends. */
async function piecesOn(
  archive: WalArchive,
  { stopLsn, walSegmentBytes }: SealedFacts,
  { line }: WalWay,
): Promise<readonly WalPiece[]> {
  const begin = segmentStartOf(parseLsn(stopLsn), walSegmentBytes);
  const timelines = line.map(({ timeline }) => timeline);
  const { pieces } = await archive.list();
  return archive.withSoundEnds(pieces.filter(({ timeline, endLsn }) => endLsn > begin && timelines.includes(timeline)));
}

/** For a time and a name the plan has looked: what it saw must be there still, or fewer rows would look like all. */
function reachOf(
  pieces: readonly WalPiece[],
  { timeline, stopLsn }: SealedFacts,
  wal: WalTarget,
  history: readonly TimelineSwitch[],
): Way['reach'] {
  if (wal.kind === 'latest') return 'beyond';
  const base = { timeline, stopLsn: parseLsn(stopLsn) };
  const reach = reachFrom(base, pieces, wal.timeline, history);
  const isPosition = wal.kind === 'lsn' || wal.kind === 'point';
  const value = parseLsn(isPosition ? wal.value : wal.endLsn);
  if (reach?.timeline !== wal.timeline || reach.endLsn < value) return 'short';
  return isPosition && reach.endLsn === value ? 'exact' : 'beyond';
}

async function probePrivately(recovery: Recovery, source: WalSource, reach: Way['reach']): Promise<ProbeResult[]> {
  const { config, environment, context, facts, programs, owner, directory } = recovery;
  const { signal } = context;
  const { lockTimeoutMs } = environment;
  context.onProgress({ phase: 'recover', bytesDone: 0, bytesTotal: 0, note: 'the private server replays WAL' });
  const goal = goalOf(context.wal, facts);
  const guard = await guardTablespaces({
    source,
    programs,
    segmentBytes: facts.walSegmentBytes,
    from: { timeline: facts.timeline, lsn: parseLsn(facts.stopLsn) },
    goal,
    component: config.id,
  });
  const place = { component: config.id, programs, dataDirectory: directory.path, owner };
  const common = { ...place, facts, lockTimeoutMs, signal };
  try {
    // A server stops at a position by the record behind it: where there is none, the end of the archive is the position.
    const server = await startAt(
      { ...common, source: guard.source },
      reach === 'exact' ? { timeline: goal.timeline } : goal,
      reach !== 'short',
    );
    try {
      return await probeRecovered(server, recovery);
    } catch (error) {
      signal.throwIfAborted();
      throw engineFailure(error, config.id, 'probe the staged data');
    } finally {
      await server.kill();
    }
  } finally {
    await guard.end();
  }
}

async function probeRecovered(server: PrivateServer, recovery: Recovery): Promise<ProbeResult[]> {
  const { config, environment, context, facts } = recovery;
  context.onProgress({
    phase: 'probe',
    bytesDone: 0,
    bytesTotal: 0,
    note: plural(expectedTables(facts).length, 'table'),
  });
  const session = await connectProbed(server, recovery);
  try {
    // At another moment than the recovery point's own, what the point knows of its tables says nothing.
    const results =
      context.wal === undefined
        ? await probeContent(session, facts, context.record)
        : await writeRecoveredState(session, facts, { config, environment, runId: context.token.runId });
    return [...results, ...(await sortingProbes(server, facts, config.id))];
  } finally {
    await session.end();
    await server.stop();
  }
}

/** Only a moment before it was made, or after it was dropped, lacks the database: what is configured is right. */
async function connectProbed(server: PrivateServer, { context, config, facts }: Recovery): Promise<Session> {
  try {
    return await server.connect(facts.database);
  } catch (error) {
    if (context.wal === undefined || !isLifeboatError(error, 'SourceEmpty')) throw error;
    throw new LifeboatError('ValidationFailed', `at that moment the server held no database \`${facts.database}\``, {
      component: config.id,
      hint: causes.noDatabaseThen.hint,
      cause: error,
    });
  }
}

/**
 * Nothing was committed after the asked time or position, but the archive is complete until then: the server ends
 * without having met the target, and all of the WAL is what was there.
 */
async function startAt(
  options: Omit<PrivateServerOptions, 'goal'>,
  goal: RecoveryGoal,
  isCovered: boolean,
): Promise<PrivateServer> {
  try {
    return await startPrivateServer({ ...options, goal });
  } catch (error) {
    const isBeyondEnd = isLifeboatError(error, 'ValidationFailed') && error.details['isTargetMissing'] === true;
    if (!isBeyondEnd || goal.stopAt === undefined || goal.stopAt.kind === 'name' || !isCovered) throw error;
    return startPrivateServer({ ...options, goal: { timeline: goal.timeline } });
  }
}

function goalOf(wal: WalTarget | undefined, facts: SealedFacts): RecoveryGoal {
  if (wal === undefined) return { timeline: facts.timeline };
  const { kind, value, timeline } = wal;
  if (kind === 'latest') return { timeline };
  return { timeline, stopAt: { kind: kind === 'point' ? 'lsn' : kind, value } };
}

/** Recovery must have come at least to the end of the base backup, and to a position that was asked for. */
function positionProbe(
  reached: { readonly lsn: string; readonly timeline: number } | undefined,
  facts: SealedFacts,
  wal: WalTarget | undefined,
  component: string,
): ProbeResult {
  const least = minPosition(facts, wal);
  const ok = reached !== undefined && parseLsn(reached.lsn) >= parseLsn(least);
  const actual = reached === undefined ? 'not known' : `${reached.lsn} (timeline ${reached.timeline})`;
  return { component, name: 'recovered position', expected: `at least ${least}`, actual, ok };
}

/** The archive's end may lie within a record, which is then not replayed: a record has room in one segment before it. */
function minPosition({ stopLsn, walSegmentBytes }: SealedFacts, wal: WalTarget | undefined): string {
  if (wal?.kind === 'lsn' || wal?.kind === 'point') return wal.value;
  if (wal?.kind !== 'latest') return stopLsn;
  const least = parseLsn(wal.endLsn) - BigInt(walSegmentBytes);
  return least > parseLsn(stopLsn) ? formatLsn(least) : stopLsn;
}
