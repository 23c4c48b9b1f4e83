/** From where a server's WAL is asked, given what the archive holds. Pure. */
import { coveredRanges, reachFrom, type TimelineSwitch, type WalPiece } from '../../../domain/wal.ts';

export interface StartQuestion {
  readonly pieces: readonly WalPiece[];
  readonly serverTimeline: number;
  /** History of the server's timeline, oldest ancestor first. */
  readonly history: readonly TimelineSwitch[];
  /** What lies before it the server may have forgotten already; from there on it has everything. */
  readonly restartLsn: bigint;
  readonly segmentBytes: number;
  /** At a boundary begin a segment earlier: there must be something to compare with what the server has. */
  readonly lookBack: boolean;
}

export interface StreamStart {
  readonly timeline: number;
  /** The first byte of a segment. */
  readonly startLsn: bigint;
  /** End of what is archived there, at most one segment behind; `startLsn` where nothing is. */
  readonly sealedTo: bigint;
}

/**
 * Where the archive ends on the server's own line of timelines: from the slot's position without a hole, for what lies
 * behind one the server still has; where the archive does not come to that position, at its end before it. Of an ancestor
 * only what lies before the switch counts: what an abandoned server wrote after it is another history. Undefined where the
 * archive holds nothing of the line.
 */
export function whereToStart(question: StartQuestion): StreamStart | undefined {
  const { pieces, serverTimeline, history, restartLsn, segmentBytes, lookBack } = question;
  const line = lineOf(question);
  const own = line.find(({ switchLsn }) => restartLsn <= switchLsn)?.timeline ?? serverTimeline;
  const reach = reachFrom({ timeline: own, stopLsn: restartLsn }, pieces, serverTimeline, history);
  for (let at = line.length - 1; at >= 0; at -= 1) {
    const { timeline, switchLsn } = line[at]!;
    if (reach !== undefined && reach.timeline !== timeline) continue;
    const before = coveredRanges(pieces, timeline).filter(
      ({ startLsn }) => startLsn <= restartLsn && startLsn < switchLsn,
    );
    const end = reach?.endLsn ?? before.at(-1)?.endLsn;
    if (end === undefined) continue;
    if (end >= switchLsn) {
      const next = line[at + 1]!;
      const startLsn = segmentStartOf(switchLsn, segmentBytes);
      return { timeline: next.timeline, startLsn, sealedTo: startLsn };
    }
    const startLsn = segmentStartOf(end, segmentBytes);
    const earlier = startLsn - BigInt(segmentBytes);
    const isBack = lookBack && startLsn === end && reaches(pieces, timeline, earlier, end);
    return { timeline, startLsn: isBack ? earlier : startLsn, sealedTo: end };
  }
  return undefined;
}

/**
 * The pieces that a start relies on: all of the line that the server would be told to forget, and what the archive ends
 * with there, which is compared.
 */
export function reliedOn(start: StreamStart | undefined, question: StartQuestion): WalPiece[] {
  const { pieces, restartLsn, segmentBytes } = question;
  const line = lineOf(question);
  const from = segmentStartOf(restartLsn, segmentBytes);
  const end = start === undefined ? undefined : { timeline: start.timeline, from: lastSegment(start, segmentBytes) };
  return pieces.filter((piece) => {
    const { switchLsn = 0n } = line.find(({ timeline }) => timeline === piece.timeline) ?? {};
    if (piece.startLsn >= switchLsn) return false;
    if (piece.endLsn > from) return true;
    return piece.timeline === end?.timeline && piece.endLsn > end.from;
  });
}

function lastSegment({ startLsn, sealedTo }: StreamStart, segmentBytes: number): bigint {
  const last = segmentStartOf(sealedTo - 1n, segmentBytes);
  return last < startLsn ? last : startLsn;
}

function lineOf({ history, serverTimeline }: StartQuestion): TimelineSwitch[] {
  return [...history, { timeline: serverTimeline, switchLsn: 2n ** 64n - 1n }];
}

function reaches(pieces: readonly WalPiece[], timeline: number, from: bigint, to: bigint): boolean {
  return coveredRanges(pieces, timeline).some(({ startLsn, endLsn }) => startLsn <= from && endLsn >= to);
}

/** At a boundary: the segment that begins there. */
export function segmentStartOf(lsn: bigint, segmentBytes: number): bigint {
  return lsn - (lsn % BigInt(segmentBytes));
}
