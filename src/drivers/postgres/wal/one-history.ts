/**
 * Whether the pieces of a segment, of which a recovery is given the longest, are of one history. A clone that archives
 * beside the server puts its own under other names, also after what was sealed on ours.
 */
import { isLifeboatError, LifeboatError } from '../../../domain/errors.ts';
import { formatLsn } from '../../../domain/lsn.ts';
import { isWhole, type WalPiece } from '../../../domain/wal.ts';
import type { WalArchive, WalSegment } from '../../../repository/repository.ts';
import type { Stretch } from './segment-log.ts';

interface Needed {
  /** As the recovery would be given it. */
  readonly segment: WalSegment;
  readonly timeline: number;
  readonly startLsn: bigint;
  /** What lies behind is not replayed. */
  readonly endLsn: bigint;
}

/**
 * WalConflict where a part differs from what is given. The parts of one archiver follow each other, and histories that left
 * each other do not meet again: of those the last one tells. Where parts overlap each is read.
 */
export async function requireOneHistory(
  archive: WalArchive,
  pieces: readonly WalPiece[],
  { segment, timeline, startLsn, endLsn }: Needed,
): Promise<void> {
  const { segmentBytes, component } = archive.source;
  const known = segment.endLsn < endLsn ? segment.endLsn : endLsn;
  const parts = pieces
    .filter((piece) => piece.timeline === timeline && piece.startLsn >= startLsn && piece.startLsn < known)
    .filter((piece) => !isWhole(piece, segmentBytes))
    .sort((a, b) => (a.startLsn < b.startLsn ? -1 : 1));
  const given = { piece: { timeline, startLsn, endLsn: known }, bytes: segment.bytes };
  for (const piece of overlap(parts) ? parts : parts.slice(-1)) {
    const part = await archive.read(piece).catch((error: unknown) => {
      if (!isLifeboatError(error, 'ObjectCorrupt', 'ObjectMissing')) throw error;
      return undefined;
    });
    if (part === undefined || agree({ piece, bytes: part.bytes }, given)) continue;
    const to = piece.endLsn < known ? piece.endLsn : known;
    throw new LifeboatError(
      'WalConflict',
      `from ${formatLsn(piece.startLsn)} to ${formatLsn(to)} on timeline ${timeline} the archive holds WAL of two servers`,
      {
        component,
        hint: 'choose a recovery point that is no increment on this WAL; give a clone a repository of its own',
      },
    );
  }
}

/** Whether two hold the same where they overlap. */
export function agree(one: Stretch, other: Stretch): boolean {
  const from = one.piece.startLsn > other.piece.startLsn ? one.piece.startLsn : other.piece.startLsn;
  const to = one.piece.endLsn < other.piece.endLsn ? one.piece.endLsn : other.piece.endLsn;
  if (from >= to) return true;
  const [a, b] = [one, other].map(({ piece, bytes }) =>
    bytes.subarray(Number(from - piece.startLsn), Number(to - piece.startLsn)),
  );
  return a!.equals(b!);
}

/** In ascending order: where any two overlap, two neighbours do. */
function overlap(parts: readonly WalPiece[]): boolean {
  return parts.some(({ startLsn }, at) => at > 0 && parts[at - 1]!.endLsn > startLsn);
}
