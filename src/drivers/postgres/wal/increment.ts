/**
 * An increment of a database is a position: everything that the server has written until now, archived on top of a base
 * that is there already. Nothing is read of the data; it is the archive's work to have brought the WAL.
 */
import { setTimeout } from 'node:timers/promises';
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { formatBytes, formatDuration } from '../../../domain/duration.ts';
import { isLifeboatError, LifeboatError } from '../../../domain/errors.ts';
import { formatLsn, parseLsn } from '../../../domain/lsn.ts';
import {
  baseEndOf,
  bySegment,
  lastRange,
  piecesBetween,
  reachFrom,
  type BaseEnd,
  type TimelineSwitch,
  type WalPiece,
} from '../../../domain/wal.ts';
import type { ProgressState } from '../../../domain/progress.ts';
import type { WalArchive } from '../../../repository/repository.ts';
import type { DriverEnvironment, Increment, IncrementContext } from '../../driver.ts';
import { addressOf, openServerSession } from '../server/connection.ts';
import { engineFailure } from '../server/failures.ts';
import { readTablespaces } from '../server/server-facts.ts';
import { serverTime } from './history.ts';
import { compareWithServer, readAgreeing } from './same-history.ts';
import { identify } from './session.ts';

const pollMs = 500;
/** What is written is sealed after `sealEvery`; a streamer that was cut off is back within a minute. */
const patienceMs = 75_000;
/** M: with 135 MB more of WAL (full pages, scattered) a private server on two cores took 3.1 s more. */
const replayBytesPerSecond = 40e6;

export async function incrementPostgres(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: IncrementContext,
): Promise<Increment> {
  const { component, facts } = { component: config.id, facts: context.base.facts };
  if (!config.wal.archive) throw needsBase('its WAL is not archived (wal.archive)', component);
  const { server, at, tablespaces } = await ask(config, environment, context.signal);
  if (facts['systemIdentifier'] !== server.systemId)
    throw needsBase(`the server is another cluster (system ${server.systemId})`, component);
  // Replaying it would touch the live folder: a recovery across it is refused (tablespace-guard.ts).
  if (oidsOf(facts['tablespaces']) !== oidsOf(tablespaces))
    throw needsBase('a tablespace was made or dropped since the base', component);
  if (facts['timelineTaken'] === true)
    throw needsBase(
      'archived WAL of its timeline is not its own; a restore or a promotion begins a new timeline',
      component,
    );
  const archive = context.repository.wal({ component, systemId: server.systemId, segmentBytes: server.segmentBytes });
  context.onProgress({ phase: 'wait for WAL', bytesDone: 0, bytesTotal: 0, note: formatLsn(server.flushedTo) });
  await untilCovered(archive, { ...server, config, signal: context.signal });

  const base = baseEndOf(context.base);
  if (base === undefined) throw needsBase('the last one does not say where it ends', component);
  const { timeline, flushedTo } = server;
  const { pieces } = await archive.list();
  const history = await archive.ancestors(timeline).catch((error: unknown) => {
    if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
    if (base.timeline !== timeline) throw needsBase(error.message, component);
    return [];
  });
  const line = { archive, history, to: { timeline, endLsn: flushedTo }, component };
  requireReach(base, pieces, line);
  const walBytes = Number(flushedTo - base.stopLsn);
  const forecastSeconds = Math.ceil(walBytes / replayBytesPerSecond);
  const { replayLimitSeconds } = config.wal;
  if (forecastSeconds > replayLimitSeconds)
    throw needsBase(
      `${formatBytes(walBytes)} of WAL would take about ${formatDuration(forecastSeconds)} to replay, more than ${formatDuration(replayLimitSeconds)} (wal.replayLimit)`,
      component,
    );
  const from = begin(base, context, timeline);
  const own = await compareOwn({ config, environment, context }, from, pieces, line);
  await requireSound(from, pieces, line, own, context);
  return { at, chain: { timeline, endLsn: formatLsn(flushedTo), walBytes, forecastSeconds } };
}

interface Line {
  readonly archive: WalArchive;
  readonly history: readonly TimelineSwitch[];
  readonly to: { readonly timeline: number; readonly endLsn: bigint };
  readonly component: string;
}

/** From where on nobody has read what is archived. */
function begin(base: BaseEnd, { readTo }: IncrementContext, timeline: number): BaseEnd {
  const stopLsn = readTo?.timeline === timeline ? parseLsn(readTo.endLsn) : 0n;
  return stopLsn > base.stopLsn ? { timeline, stopLsn } : base;
}

function requireReach(from: BaseEnd, pieces: readonly WalPiece[], { history, to, component }: Line, why = ''): void {
  const reach = reachFrom(from, pieces, to.timeline, history);
  if (reach?.timeline === to.timeline && reach.endLsn >= to.endLsn) return;
  const led = reach === undefined ? 'nowhere' : formatLsn(reach.endLsn);
  throw needsBase(
    `archived WAL leads from the base to ${led}, the server is at ${formatLsn(to.endLsn)}${why}`,
    component,
  );
}

interface Asker {
  readonly config: PostgresConfig;
  readonly environment: DriverEnvironment;
  readonly context: IncrementContext;
}

/** The pieces that hold what the server has there: they were read for it. */
async function compareOwn(
  { config, environment, context }: Asker,
  from: BaseEnd,
  pieces: readonly WalPiece[],
  { archive, history, to }: Line,
): Promise<readonly WalPiece[]> {
  const { onProgress, signal } = context;
  // What an ancestor wrote lies in files of another name.
  const switchLsn = history.at(-1)?.switchLsn ?? 0n;
  return orNeedsBase(config.id, async () =>
    compareWithServer({
      config,
      address: await addressOf(config, environment),
      archive,
      pieces,
      ...to,
      startLsn: from.timeline === to.timeline && from.stopLsn > switchLsn ? from.stopLsn : switchLsn,
      onRead: (count) => onProgress(compared(count)),
      signal,
    }),
  );
}

/**
 * A name is no proof: a position behind WAL that cannot be read, or behind that of another server, would be a backup that
 * nobody can restore.
 */
async function requireSound(
  from: BaseEnd,
  pieces: readonly WalPiece[],
  line: Line,
  own: readonly WalPiece[],
  { onProgress, signal }: IncrementContext,
): Promise<void> {
  const { archive, history, to } = line;
  const sound = [...own];
  const isRead = new Set(own);
  const asked = piecesBetween(from, to, { pieces, history }).filter((piece) => !isRead.has(piece));
  let why = '';
  for (const parts of bySegment(asked, archive.source.segmentBytes)) {
    signal.throwIfAborted();
    const read = await orNeedsBase(line.component, async () => readAgreeing(archive, parts));
    sound.push(...read.sound);
    for (const error of read.damaged) why = `: ${error.message}`;
    onProgress(compared(sound.length));
  }
  requireReach(from, sound, line, why);
}

function compared(count: number): ProgressState {
  return { phase: 'read archived WAL', bytesDone: 0, bytesTotal: 0, note: `${count} pieces` };
}

/** What another server archived leads nowhere that this one was. */
async function orNeedsBase<T>(component: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!isLifeboatError(error, 'WalConflict')) throw error;
    throw needsBase(`${error.message}: a copy of this server, or an older state of it, wrote there`, component);
  }
}

/** The time is asked first: what was acknowledged before it lies before the position. */
async function ask(config: PostgresConfig, environment: DriverEnvironment, signal: AbortSignal) {
  try {
    const address = await addressOf(config, environment);
    const session = await openServerSession(config, address, { replication: true, signal });
    try {
      const at = new Date(await serverTime(session));
      return { server: await identify(session), at, tablespaces: await readTablespaces(session) };
    } finally {
      await session.end();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw engineFailure(error, config.id, 'ask for the WAL position');
  }
}

function oidsOf(tablespaces: unknown): string {
  const list = Array.isArray(tablespaces) ? (tablespaces as readonly { readonly oid?: unknown }[]) : [];
  return list
    .map(({ oid }) => String(oid))
    .sort()
    .join();
}

interface Awaited {
  readonly config: PostgresConfig;
  readonly timeline: number;
  readonly flushedTo: bigint;
  readonly signal: AbortSignal;
}

async function untilCovered(archive: WalArchive, { config, timeline, flushedTo, signal }: Awaited): Promise<void> {
  const limitMs = patienceMs + config.wal.sealEverySeconds * 1000;
  for (const end = performance.now() + limitMs; ;) {
    const coverage = await archive.coverage(timeline);
    // By position alone: a server whose clock was put back has covered times that are still to come.
    if (coverage !== undefined && parseLsn(coverage.lsn) >= flushedTo) return;
    // Coverage is told every 10 s; what is sealed shows at once.
    const pieces = (await archive.list()).pieces.filter((piece) => piece.timeline === timeline);
    const reaches = (some: readonly WalPiece[]): boolean => (lastRange(some, timeline)?.endLsn ?? 0n) >= flushedTo;
    if (reaches(pieces) && reaches(await archive.withSoundEnds(pieces))) return;
    if (performance.now() > end) {
      const known = coverage === undefined ? 'nothing' : `${coverage.lsn} of ${coverage.time}`;
      throw needsBase(
        `the archive did not come to ${formatLsn(flushedTo)} within ${formatDuration(limitMs / 1000)}; it has ${known}`,
        config.id,
      );
    }
    await setTimeout(pollMs, undefined, { signal });
  }
}

function needsBase(why: string, component: string): LifeboatError {
  return new LifeboatError('Precondition', why, { component, hint: 'a new base is captured instead' });
}
