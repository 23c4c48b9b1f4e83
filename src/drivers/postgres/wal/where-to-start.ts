/** From where a server's WAL is asked, given what the archive holds. Pure. */
import { lastRange, type TimelineSwitch, type WalPiece } from '../../../domain/wal.ts';

export interface StartQuestion {
  readonly pieces: readonly WalPiece[];
  readonly serverTimeline: number;
  /** Of the server's timeline, oldest ancestor first. */
  readonly history: readonly TimelineSwitch[];
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
 * Where the archive ends on the server's own line of timelines. Of an ancestor only what lies before the switch counts:
 * what an abandoned server wrote after it is another history. Undefined where the archive holds nothing of the line.
 */
export function whereToStart({
  pieces,
  serverTimeline,
  history,
  segmentBytes,
  lookBack,
}: StartQuestion): StreamStart | undefined {
  const line: TimelineSwitch[] = [...history, { timeline: serverTimeline, switchLsn: 2n ** 64n - 1n }];
  for (let at = line.length - 1; at >= 0; at -= 1) {
    const { timeline, switchLsn } = line[at]!;
    const range = lastRange(pieces, timeline);
    if (range === undefined) continue;
    const { endLsn: end } = range;
    if (end < switchLsn) {
      const startLsn = segmentStartOf(end, segmentBytes);
      const before = startLsn - BigInt(segmentBytes);
      const isBack = lookBack && startLsn === end && range.startLsn <= before;
      return { timeline, startLsn: isBack ? before : startLsn, sealedTo: end };
    }
    const next = line[at + 1]!;
    const startLsn = segmentStartOf(switchLsn, segmentBytes);
    return { timeline: next.timeline, startLsn, sealedTo: startLsn };
  }
  return undefined;
}

/** At a boundary: the segment that begins there. */
export function segmentStartOf(lsn: bigint, segmentBytes: number): bigint {
  return lsn - (lsn % BigInt(segmentBytes));
}
