/**
 * What an archive of write-ahead log holds, by the names of its pieces alone. A piece is a whole segment, or the stretch
 * of one that was sealed before the segment was full. Positions are 64 bits: BigInt.
 */
import { parseLsn, segmentOf, walFileName, walFilesBetween } from './lsn.ts';
import type { ComponentRecord } from './recovery-point.ts';

/** Sizes that a server can have for its segments, bytes: 1 MiB to 1 GiB. */
export const segmentSizes: readonly number[] = Array.from({ length: 11 }, (_, at) => 2 ** (20 + at));

export interface WalPiece {
  readonly timeline: number;
  /** Inclusive; the segment's first byte where the piece is whole. */
  readonly startLsn: bigint;
  /** Exclusive. */
  readonly endLsn: bigint;
}

/** A stretch without a hole. `endLsn` is exclusive. */
export interface WalRange {
  readonly startLsn: bigint;
  readonly endLsn: bigint;
}

/** A timeline that an ancestor was left for, and where. */
export interface TimelineSwitch {
  readonly timeline: number;
  readonly switchLsn: bigint;
}

export function isWhole({ startLsn, endLsn }: WalRange, segmentBytes: number): boolean {
  return startLsn % BigInt(segmentBytes) === 0n && endLsn - startLsn === BigInt(segmentBytes);
}

/** The segment's name, and for a part of it `.<start>-<end>` as 16 hex digits each. */
export function walPieceName(piece: WalPiece, segmentBytes: number): string {
  const segment = walFileName(piece.timeline, piece.startLsn, segmentBytes);
  if (isWhole(piece, segmentBytes)) return segment;
  return `${segment}.${hex16(piece.startLsn)}-${hex16(piece.endLsn)}`;
}

/** Undefined for every name that `walPieceName` does not give. */
export function parseWalPieceName(name: string, segmentBytes: number): WalPiece | undefined {
  const match = /^([0-9A-F]{8})[0-9A-F]{16}(?:\.([0-9A-F]{16})-([0-9A-F]{16}))?$/.exec(name);
  if (match === null) return undefined;
  const timeline = Number.parseInt(match[1] ?? '', 16);
  const segmentStart = segmentOf(name.slice(0, 24), segmentBytes);
  if (segmentStart === undefined) return undefined;
  const piece: WalPiece =
    match[2] === undefined
      ? { timeline, startLsn: segmentStart, endLsn: segmentStart + BigInt(segmentBytes) }
      : { timeline, startLsn: BigInt(`0x${match[2]}`), endLsn: BigInt(`0x${match[3] ?? ''}`) };
  const isInside = piece.startLsn < piece.endLsn && piece.endLsn <= segmentStart + BigInt(segmentBytes);
  return isInside && walPieceName(piece, segmentBytes) === name ? piece : undefined;
}

/** The pieces that are a segment or parts of it, for each one. */
export function bySegment(pieces: readonly WalPiece[], segmentBytes: number): WalPiece[][] {
  return [...Map.groupBy(pieces, ({ timeline, startLsn }) => walFileName(timeline, startLsn, segmentBytes)).values()];
}

/** The stretches of one timeline that its pieces cover, in ascending order; pieces may overlap and come in any order. */
export function coveredRanges(pieces: readonly WalPiece[], timeline: number): WalRange[] {
  const ranges: { startLsn: bigint; endLsn: bigint }[] = [];
  const ascending = pieces
    .filter((piece) => piece.timeline === timeline)
    .sort((a, b) => (a.startLsn < b.startLsn ? -1 : a.startLsn > b.startLsn ? 1 : 0));
  for (const { startLsn, endLsn } of ascending) {
    const last = ranges.at(-1);
    if (last === undefined || startLsn > last.endLsn) ranges.push({ startLsn, endLsn });
    else if (endLsn > last.endLsn) last.endLsn = endLsn;
  }
  return ranges;
}

/** The stretch that the archive holds without a hole up to its end on the timeline; undefined where it holds none. */
export function lastRange(pieces: readonly WalPiece[], timeline: number): WalRange | undefined {
  return coveredRanges(pieces, timeline).at(-1);
}

/** Reads a timeline history file: oldest ancestor first. Lines that are no entries are comments. */
export function parseTimelineHistory(text: string): TimelineSwitch[] {
  return text.split('\n').flatMap((line): TimelineSwitch[] => {
    const match = /^\s*0*([1-9]\d{0,9})\s+([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})(?:\s|$)/.exec(line);
    if (match === null) return [];
    const switchLsn = (BigInt(`0x${match[2]}`) << 32n) | BigInt(`0x${match[3]}`);
    return [{ timeline: Number(match[1]), switchLsn }];
  });
}

function hex16(lsn: bigint): string {
  return lsn.toString(16).toUpperCase().padStart(16, '0');
}

/** Where a base backup ends: from there on its recovery needs the archive. */
export interface BaseEnd {
  readonly timeline: number;
  readonly stopLsn: bigint;
}

/** Where the record's own WAL ends; undefined where it tells no position, or where archived WAL is another server's. */
export function baseEndOf({ facts }: ComponentRecord): BaseEnd | undefined {
  const { timeline, timelineTaken, stopLsn } = facts;
  if (timelineTaken === true) return undefined;
  if (typeof timeline !== 'number' || typeof stopLsn !== 'string') return undefined;
  return { timeline, stopLsn: parseLsn(stopLsn) };
}

/** Whether what is archived of the timeline is not the record's server's own. */
export function isOfOther({ facts }: ComponentRecord, timeline: number): boolean {
  return facts['timelineTaken'] === true && facts['timeline'] === timeline;
}

const endOfLog = 2n ** 64n - 1n;

/** What a recovery from the base goes along, from its own timeline to `end`; empty where the base lies on none of them. */
function lineFrom(base: BaseEnd, history: readonly TimelineSwitch[], end: TimelineSwitch): TimelineSwitch[] {
  const line = [...history, end];
  const first = line.findIndex((each) => each.timeline === base.timeline && base.stopLsn <= each.switchLsn);
  return first === -1 ? [] : line.slice(first);
}

export interface WalReach {
  readonly timeline: number;
  /** Exclusive. */
  readonly endLsn: bigint;
  /** Whether this is the end of what the archive holds on the asked timeline. */
  readonly isWhole: boolean;
}

/**
 * How far a recovery from a base can go towards a timeline, given its history (oldest ancestor first). Undefined where
 * the base lies on none of them, or where the archive lacks the WAL right behind it.
 */
export function reachFrom(
  base: BaseEnd,
  pieces: readonly WalPiece[],
  timeline: number,
  history: readonly TimelineSwitch[],
): WalReach | undefined {
  let reach: WalReach | undefined;
  let position = base.stopLsn;
  for (const { timeline: current, switchLsn } of lineFrom(base, history, { timeline, switchLsn: endOfLog })) {
    const ranges = coveredRanges(pieces, current);
    const range = ranges.find(({ startLsn, endLsn }) => startLsn <= position && position <= endLsn);
    if (range === undefined) return reach;
    const isLast = current === timeline;
    reach = { timeline: current, endLsn: range.endLsn, isWhole: isLast && range === ranges.at(-1) };
    if (isLast || range.endLsn < switchLsn) return reach;
    reach = { timeline: current, endLsn: switchLsn, isWhole: false };
    position = switchLsn;
  }
  return reach;
}

/**
 * Names of the segments that a recovery from a base up to a position asks for, in its order. The segment in which a
 * timeline was left is read from the next one, which begins with a copy of it.
 */
export function segmentsBetween(
  base: BaseEnd,
  end: { readonly timeline: number; readonly endLsn: bigint },
  history: readonly TimelineSwitch[],
  segmentBytes: number,
): string[] {
  const size = BigInt(segmentBytes);
  const line = lineFrom(base, history, { timeline: end.timeline, switchLsn: end.endLsn });
  let at = base.stopLsn - (base.stopLsn % size);
  return line.flatMap(({ timeline, switchLsn }, index) => {
    const until = index === line.length - 1 ? switchLsn : switchLsn - (switchLsn % size);
    const names = walFilesBetween(timeline, at, until, segmentBytes);
    if (until > at) at = until;
    return names;
  });
}

/** Oids of a server's tablespaces as one text that can be compared. */
export function tablespacesText(oids: readonly string[]): string {
  return oids.toSorted((a, b) => Number(a) - Number(b)).join(',');
}

/**
 * Whether all that is archived can be replayed on a base: no replay makes or drops a tablespace beside a live server.
 * True where the archive does not say which there are.
 */
export function hasTablespaces({ facts }: Pick<ComponentRecord, 'facts'>, archived: string | undefined): boolean {
  const list = Array.isArray(facts['tablespaces'])
    ? (facts['tablespaces'] as readonly { readonly oid?: unknown }[])
    : [];
  return archived === undefined || tablespacesText(list.map(({ oid }) => String(oid))) === archived;
}

/** Whether a recovery from the base along the timeline (history: oldest ancestor first) may read the piece. */
export function isOnLine(
  piece: WalPiece,
  base: BaseEnd,
  { timeline, history }: { readonly timeline: number; readonly history: readonly TimelineSwitch[] },
): boolean {
  let startLsn = base.stopLsn;
  for (const { timeline: current, switchLsn } of lineFrom(base, history, { timeline, switchLsn: endOfLog })) {
    if (current === piece.timeline) return piece.startLsn < switchLsn && piece.endLsn > startLsn;
    startLsn = switchLsn;
  }
  return false;
}

/** Whether the base lies on the timeline or on what that one went on from. */
export function isBaseOf(base: BaseEnd, timeline: number, history: readonly TimelineSwitch[]): boolean {
  return lineFrom(base, history, { timeline, switchLsn: endOfLog }).length > 0;
}

/**
 * The pieces that a recovery from a base up to a position may read: whole segments and their parts too, for the one may be
 * damaged where the others are not. What is not archived is missing here too: ask `reachFrom` first.
 */
export function piecesBetween(
  base: BaseEnd,
  end: { readonly timeline: number; readonly endLsn: bigint },
  archive: {
    readonly pieces: readonly WalPiece[];
    readonly history: readonly TimelineSwitch[];
  },
): WalPiece[] {
  const { pieces, history } = archive;
  let from = base.stopLsn;
  return lineFrom(base, history, { timeline: end.timeline, switchLsn: end.endLsn }).flatMap(
    ({ timeline, switchLsn }) => {
      const startLsn = from;
      from = switchLsn;
      return pieces.filter(
        (piece) => piece.timeline === timeline && piece.startLsn < switchLsn && piece.endLsn > startLsn,
      );
    },
  );
}
