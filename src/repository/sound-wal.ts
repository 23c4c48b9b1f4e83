/**
 * Archived WAL by its content. A name proves nothing: whoever may write there can put anything under it, and what is damaged
 * keeps its own. Of several pieces that hold the same bytes each is as good as the others.
 */
import { isLifeboatError, type LifeboatError } from '../domain/errors.ts';
import { coveredRanges, isWhole, type WalPiece } from '../domain/wal.ts';

/** ObjectMissing, ObjectCorrupt. */
type Read = (piece: WalPiece) => Promise<{ readonly bytes: Buffer }>;

export interface DamagedPiece {
  readonly piece: WalPiece;
  readonly error: LifeboatError;
}

/** A segment as far as it could be read. */
export interface WalSegment {
  /** As long as a segment; all zero behind `endLsn`. */
  readonly bytes: Buffer;
  /** Exclusive; the segment's begin where nothing could be read. */
  readonly endLsn: bigint;
  /** What is wrong with a piece that would lead further; undefined where none would. */
  readonly damage: LifeboatError | undefined;
}

/** Joins a segment from its pieces, the longest first; one that is damaged is passed over. Undefined where none begins it. */
export async function joinSegment(
  read: Read,
  parts: readonly WalPiece[],
  segmentStart: bigint,
  segmentBytes: number,
): Promise<WalSegment | undefined> {
  if (!parts.some(({ startLsn }) => startLsn === segmentStart)) return undefined;
  const damaged: DamagedPiece[] = [];
  let left = parts;
  let bytes: Buffer | undefined;
  let endLsn = segmentStart;
  for (;;) {
    const next = longestFrom(left, endLsn);
    if (next === undefined) break;
    left = left.filter((piece) => piece !== next);
    const content = await contentOf(read, next);
    if (!(content instanceof Uint8Array)) damaged.push({ piece: next, error: content });
    else {
      if (isWhole(next, segmentBytes)) bytes = content;
      else (bytes ??= Buffer.alloc(segmentBytes)).set(content, Number(next.startLsn - segmentStart));
      ({ endLsn } = next);
    }
  }
  const reached = endLsn;
  const damage = damaged.find(({ piece }) => piece.endLsn > reached)?.error;
  return { bytes: bytes ?? Buffer.alloc(segmentBytes), endLsn, damage };
}

function longestFrom(pieces: readonly WalPiece[], lsn: bigint): WalPiece | undefined {
  return pieces
    .filter((piece) => piece.startLsn <= lsn && piece.endLsn > lsn)
    .reduce<WalPiece | undefined>(
      (best, piece) => (best === undefined || piece.endLsn > best.endLsn ? piece : best),
      undefined,
    );
}

export interface SoundPieces {
  /** Without the parts of a whole segment that is among them. */
  readonly sound: readonly WalPiece[];
  readonly damaged: readonly DamagedPiece[];
}

/** Reads them; parts of a segment only where the whole one is not sound. */
export async function soundPieces(read: Read, pieces: readonly WalPiece[], segmentBytes: number): Promise<SoundPieces> {
  const sound: WalPiece[] = [];
  const damaged: DamagedPiece[] = [];
  const wholes = new Set<string>();
  const wholeFirst = [...pieces].sort((a, b) => Number(isWhole(b, segmentBytes)) - Number(isWhole(a, segmentBytes)));
  for (const piece of wholeFirst) {
    const segment = `${piece.timeline}/${piece.startLsn / BigInt(segmentBytes)}`;
    if (wholes.has(segment)) continue;
    const content = await contentOf(read, piece);
    if (!(content instanceof Uint8Array)) damaged.push({ piece, error: content });
    else {
      sound.push(piece);
      if (isWhole(piece, segmentBytes)) wholes.add(segment);
    }
  }
  return { sound, damaged };
}

/**
 * The pieces without those that only seem to lengthen a stretch: each stretch ends with a piece that was read. Behind the
 * true end nothing is sound, so that one piece a stretch is read where nobody planted anything.
 */
export async function withSoundEnds(
  read: Read,
  pieces: readonly WalPiece[],
): Promise<{ readonly pieces: readonly WalPiece[]; readonly damaged: readonly DamagedPiece[] }> {
  const damaged: DamagedPiece[] = [];
  let left = pieces;
  for (const timeline of new Set(pieces.map((piece) => piece.timeline))) {
    const sound = new Set<bigint>();
    for (;;) {
      const end = coveredRanges(left, timeline).find(({ endLsn }) => !sound.has(endLsn))?.endLsn;
      if (end === undefined) break;
      // The shortest first: it costs least, and the end of one is as good as the end of another.
      const [last] = left
        .filter((piece) => piece.timeline === timeline && piece.endLsn === end)
        .sort((a, b) => (a.startLsn > b.startLsn ? -1 : 1));
      if (last === undefined) break;
      const content = await contentOf(read, last);
      if (content instanceof Uint8Array) sound.add(end);
      else {
        damaged.push({ piece: last, error: content });
        left = left.filter((piece) => piece !== last);
      }
    }
  }
  return { pieces: left, damaged };
}

/** Its bytes, or what is wrong with it; anything else is thrown. */
async function contentOf(read: Read, piece: WalPiece): Promise<Buffer | LifeboatError> {
  try {
    return (await read(piece)).bytes;
  } catch (error) {
    if (isLifeboatError(error, 'ObjectCorrupt', 'ObjectMissing')) return error;
    throw error;
  }
}
