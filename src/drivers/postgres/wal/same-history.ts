/**
 * Whether archived WAL is the server's own. A clone, or the server put back to an older state, has the same system and
 * timeline and writes other WAL under the same positions: no name tells them apart, only the bytes do.
 */
import type { PostgresConfig } from '../../../domain/appliance.ts';
import { isLifeboatError, LifeboatError } from '../../../domain/errors.ts';
import { formatLsn, parseLsn } from '../../../domain/lsn.ts';
import { lastRange, type WalPiece } from '../../../domain/wal.ts';
import type { WalArchive } from '../../../repository/repository.ts';
import { openServerSession, type Address, type Session } from '../server/connection.ts';
import { engineFailure, sqlState } from '../server/failures.ts';
import { undefinedFile } from './history.ts';
import { agree } from './one-history.ts';
import { ownWal } from './own-wal.ts';
import type { Stretch } from './segment-log.ts';
import { identify, type Server } from './session.ts';
import { segmentStartOf } from './where-to-start.ts';

/** A checkpoint may remove what was just asked for. */
const maxAttempts = 3;
/** What was written during a copy can be gigabytes; its end tells. */
const maxOfCopyBytes = 64n * 1024n ** 2n;

export interface ReadPieces {
  /** They hold what their names say, and agree wherever they overlap. */
  readonly sound: readonly WalPiece[];
  readonly damaged: readonly LifeboatError[];
}

/**
 * Reads pieces of one segment, each of them: another server's lie under other names beside our own. WalConflict where two
 * differ, or one from what the server has there.
 */
export async function readAgreeing(
  archive: WalArchive,
  pieces: readonly WalPiece[],
  own?: Stretch,
): Promise<ReadPieces> {
  const sound: Stretch[] = [];
  const damaged: LifeboatError[] = [];
  for (const piece of pieces) {
    const content = await archive.read(piece).catch((error: unknown) => {
      if (isLifeboatError(error, 'ObjectCorrupt', 'ObjectMissing')) return error;
      throw error;
    });
    if (!('bytes' in content)) {
      damaged.push(content);
      continue;
    }
    const stretch = { piece, bytes: content.bytes };
    if (own !== undefined && !agree(stretch, own)) throw conflict(archive, piece, 'than the server has there');
    if (!sound.every((other) => agree(stretch, other)))
      throw conflict(archive, piece, 'than another archived piece of the same stretch');
    sound.push(stretch);
  }
  return { sound: sound.map(({ piece }) => piece), damaged };
}

function conflict({ source }: WalArchive, { timeline, startLsn, endLsn }: WalPiece, than: string): LifeboatError {
  return new LifeboatError(
    'WalConflict',
    `the archive holds other WAL from ${formatLsn(startLsn)} to ${formatLsn(endLsn)} on timeline ${timeline} ${than}`,
    { component: source.component },
  );
}

interface Comparison {
  readonly archive: WalArchive;
  /** Listed before this is called: what was archived by then the server has flushed. */
  readonly pieces: readonly WalPiece[];
  readonly timeline: number;
  /** Compared is from here on, or from where the server still has it; always what lies in the segment of `endLsn`. */
  readonly startLsn: bigint;
  readonly endLsn: bigint;
  readonly onRead?: (pieces: number) => void;
}

export interface CompareOptions extends Comparison {
  readonly config: PostgresConfig;
  readonly address: Address;
  readonly signal: AbortSignal;
}

/**
 * Compares what is archived with what the server has, and gives the pieces that were read for it and are sound. WalConflict
 * also where the archive goes on behind the server's end. Where the last checkpoint began the server has all since, and that
 * is enough: histories that left each other do not meet again, each record is chained to those before it.
 */
export async function compareWithServer(options: CompareOptions): Promise<WalPiece[]> {
  const { config, address, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    const session = await openServerSession(config, address, { replication: true, signal });
    try {
      const startLsn = attempt === 1 ? options.startLsn : await redoOf(session);
      return await compareIn(session, { ...options, startLsn });
    } catch (error) {
      signal.throwIfAborted();
      if (sqlState(error) !== undefinedFile || attempt === maxAttempts)
        throw engineFailure(error, config.id, 'compare archived WAL with the server');
    } finally {
      await session.end();
    }
  }
}

/**
 * Why the WAL that is archived at the positions of a copy, or behind it, is not the server's own; undefined where it is, or
 * none is.
 */
export async function otherWalSince(
  startLsn: bigint,
  options: Omit<CompareOptions, 'pieces' | 'startLsn'>,
): Promise<string | undefined> {
  const { archive, timeline, endLsn } = options;
  const { pieces } = await archive.list();
  if (!pieces.some((piece) => piece.timeline === timeline && piece.endLsn > startLsn)) return undefined;
  const late = endLsn - maxOfCopyBytes;
  try {
    await compareWithServer({ ...options, pieces, startLsn: startLsn > late ? startLsn : late });
    return undefined;
  } catch (error) {
    if (isLifeboatError(error, 'WalConflict')) return error.message;
    throw error;
  }
}

async function compareIn(session: Session, options: Comparison): Promise<WalPiece[]> {
  const { archive, timeline, onRead } = options;
  const { segmentBytes } = archive.source;
  const pieces = options.pieces.filter((piece) => piece.timeline === timeline);
  await refuseAhead(archive, pieces, await identify(session));
  const last = segmentStartOf(options.endLsn - 1n, segmentBytes);
  const asked = segmentStartOf(options.startLsn, segmentBytes);
  const startLsn = asked < last ? asked : last;
  const compared: WalPiece[] = [];
  for await (const own of ownWal(session, { timeline, startLsn, endLsn: options.endLsn, segmentBytes })) {
    const { startLsn: from, endLsn: to } = own.piece;
    const there = pieces.filter((piece) => piece.startLsn < to && piece.endLsn > from);
    compared.push(...(await readAgreeing(archive, there, own)).sound);
    onRead?.(compared.length);
  }
  return compared;
}

/** Where the last checkpoint began: a crash would need all WAL since, so the server has it. */
async function redoOf(session: Session): Promise<bigint> {
  const { redo } = await session.row('SELECT redo_lsn::text AS redo FROM pg_control_checkpoint()');
  return parseLsn(redo ?? '');
}

async function refuseAhead(
  archive: WalArchive,
  pieces: readonly WalPiece[],
  { timeline, flushedTo }: Server,
): Promise<void> {
  const isAhead = (some: readonly WalPiece[]): boolean => (lastRange(some, timeline)?.endLsn ?? 0n) > flushedTo;
  if (!isAhead(pieces)) return;
  // Something under a name that leads nowhere is no other history.
  const sound = await archive.withSoundEnds(pieces);
  if (!isAhead(sound)) return;
  const { endLsn } = lastRange(sound, timeline)!;
  throw new LifeboatError(
    'WalConflict',
    `the server is at ${formatLsn(flushedTo)} on timeline ${timeline}, the archive already at ${formatLsn(endLsn)}`,
    { component: archive.source.component },
  );
}
