/**
 * A session of WAL archiving: connects, finds where the archive ends, streams from there until the time is over. Its
 * cursor is the repository (what is sealed) and the slot, so it may be killed anywhere and begin again.
 */
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { LifeboatError } from '../../../domain/errors.ts';
import { formatLsn, parseLsn } from '../../../domain/lsn.ts';
import { lastRange, type WalPiece } from '../../../domain/wal.ts';
import type { DriverEnvironment, WalContext, WalSession } from '../../driver.ts';
import { addressOf, openServerSession, type Address, type Session } from '../server/connection.ts';
import { engineFailure, sqlState } from '../server/failures.ts';
import { archiveTimeline } from './archive-timeline.ts';
import { storeHistory, undefinedFile } from './history.ts';
import { guardWhile } from './slot-guard.ts';
import { ensureSlot, type Slot } from './slot.ts';
import { watchTablespaces, type TablespaceWatch } from './tablespace-watch.ts';
import { soundStart } from './sound-start.ts';
import { segmentStartOf, type StreamStart } from './where-to-start.ts';

const objectInUse = '55006';

export interface Server {
  readonly systemId: string;
  readonly timeline: number;
  readonly flushedTo: bigint;
  readonly segmentBytes: number;
}

interface Archiving {
  readonly config: PostgresConfig;
  readonly context: WalContext;
  readonly address: Address;
  /** By `performance.now()`. */
  endAt: number;
}

/**
 * Where a session begins: with something of the archive's end to compare, else at that end, else where the slot begins:
 * then there is a hole, which only a new base makes good.
 */
type Begin = 'compared' | 'archive' | 'slot';

/** After a hole or on a new slot: time to seal something, so that who asked learns of it soon. */
const shortSeals = 2;

/**
 * EngineUnavailable where the server goes away or another streamer still holds the slot: try again. WalConflict where
 * the server wrote another history on a timeline that is archived. NoSpace where the guard dropped the slot. A hole in
 * the archive is no failure: what can be archived is, and the names of what is stored show the hole.
 */
export async function archiveSession(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: WalContext,
): Promise<WalSession> {
  const guard = guardWhile(config, environment);
  let result: WalSession;
  try {
    result = await archiveUntilEnd(config, environment, context);
  } catch (error) {
    throw (await guard.settled()) ?? error;
  }
  const dropped = await guard.settled();
  if (dropped !== undefined) throw dropped;
  return result;
}

async function archiveUntilEnd(
  config: PostgresConfig,
  environment: DriverEnvironment,
  context: WalContext,
): Promise<WalSession> {
  const address = await addressOf(config, environment);
  const archiving: Archiving = { config, context, address, endAt: performance.now() + context.durationMs };
  const watch = await watchTablespaces(config, address, () => {
    archiving.endAt = performance.now();
  });
  try {
    return await archiveParts(archiving, watch);
  } finally {
    await watch.end();
  }
}

async function archiveParts(archiving: Archiving, watch: TablespaceWatch): Promise<WalSession> {
  const { config, context, address } = archiving;
  const { signal } = context;
  let result: WalSession | undefined;
  let begin: Begin = 'compared';
  // A session streams one timeline.
  while (result === undefined || !isOver(archiving)) {
    const session = await openServerSession(config, address, { replication: true, signal });
    try {
      const part = await archivePart(archiving, { session, watch }, begin);
      result = { ...part, segments: part.segments + (result?.segments ?? 0), bytes: part.bytes + (result?.bytes ?? 0) };
      begin = 'compared';
    } catch (error) {
      signal.throwIfAborted();
      // What was asked for was removed on the server.
      if (sqlState(error) !== undefinedFile || begin === 'slot') throw streamFailure(error, config);
      begin = begin === 'compared' ? 'archive' : 'slot';
    } finally {
      await session.end();
    }
  }
  return result;
}

function isOver({ endAt, context }: Archiving): boolean {
  return performance.now() >= endAt || context.stopping?.aborted === true;
}

async function archivePart(
  archiving: Archiving,
  { session, watch }: { readonly session: Session; readonly watch: TablespaceWatch },
  begin: Begin,
): Promise<WalSession> {
  const { config, context } = archiving;
  const server = await identify(session);
  const { systemId, segmentBytes } = server;
  const archive = context.repository.wal({ component: config.id, systemId, segmentBytes });
  const history = await storeHistory(session, archive, server.timeline);
  const slot = await ensureSlot(session, config);
  const {
    start: known,
    pieces,
    read,
  } = await soundStart(archive, {
    pieces: (await archive.list()).pieces,
    serverTimeline: server.timeline,
    history,
    restartLsn: slot.restartLsn,
    lookBack: begin === 'compared',
    onRead: (count) =>
      context.onProgress({ phase: 'read', bytesDone: 0, bytesTotal: 0, note: `${count} pieces of the archive's end` }),
    signal: context.signal,
  });
  refuseBehind(pieces, server, config);
  // Of the others nothing depends on it.
  context.barrier?.sealed(read.map((piece) => archive.keyOf(piece)));
  const start = known === undefined || begin === 'slot' ? atSlot(slot, server) : known;
  const sealEveryMs = config.wal.sealEverySeconds * 1000;
  if (begin === 'slot' || slot.isNew)
    archiving.endAt = Math.min(archiving.endAt, performance.now() + shortSeals * sealEveryMs);
  const report = await archiveTimeline({
    session,
    archive,
    slot: config.wal.slot,
    start,
    pieces,
    sealEveryMs,
    isOver: () => isOver(archiving),
    tablespaces: () => watch.current(),
    followers: context.followers ?? [],
    barrier: context.barrier,
    onProgress: context.onProgress,
  });
  return {
    systemId,
    segmentBytes,
    timeline: start.timeline,
    sealedTo: formatLsn(report.sealedTo),
    coveredUntil: report.coveredUntil ?? null,
    segments: report.segments,
    bytes: report.bytes,
  };
}

export async function identify(session: Session): Promise<Server> {
  const { systemid, timeline, xlogpos } = await session.row('IDENTIFY_SYSTEM');
  const { bytes } = await session.row(
    `SELECT setting AS bytes FROM pg_settings WHERE name = 'wal_segment_size' -- in bytes, whatever SHOW says`,
  );
  return {
    systemId: systemid ?? '',
    timeline: Number(timeline),
    flushedTo: parseLsn(xlogpos ?? ''),
    segmentBytes: Number(bytes),
  };
}

/** Nothing of this line is archived, or not what comes next: the first segment that the slot keeps. */
function atSlot({ restartLsn }: Slot, { timeline, segmentBytes }: Server): StreamStart {
  const startLsn = segmentStartOf(restartLsn, segmentBytes);
  return { timeline, startLsn, sealedTo: startLsn };
}

/** On the server's own timeline the archive cannot be ahead of it: an older copy was started in its place. */
function refuseBehind(pieces: readonly WalPiece[], { timeline, flushedTo }: Server, config: PostgresConfig): void {
  const endLsn = lastRange(pieces, timeline)?.endLsn ?? 0n;
  if (endLsn <= flushedTo) return;
  throw new LifeboatError(
    'WalConflict',
    `the server is at ${formatLsn(flushedTo)} on timeline ${timeline}, the archive already at ${formatLsn(endLsn)}`,
    { component: config.id },
  );
}

/** A streamer that was killed holds the slot until wal_sender_timeout: no alarm, try again. */
function streamFailure(error: unknown, config: PostgresConfig): Error {
  if (sqlState(error) !== objectInUse) return engineFailure(error, config.id, 'stream WAL');
  return new LifeboatError('EngineUnavailable', `slot ${config.wal.slot} is still held by another streamer`, {
    component: config.id,
    hint: 'tried again by itself; the server lets go of a dead one after wal_sender_timeout',
    cause: error,
  });
}
