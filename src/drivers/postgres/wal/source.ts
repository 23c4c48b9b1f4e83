/** Where a recovery gets its WAL from: the archive, and for `latest` also what the live server left on its disk. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LifeboatError, isLifeboatError } from '../../../domain/errors.ts';
import { segmentOf } from '../../../domain/lsn.ts';
import type { TimelineSwitch, WalPiece } from '../../../domain/wal.ts';
import type { WalArchive, WalSegment } from '../../../repository/repository.ts';
import { requireOneHistory } from './one-history.ts';

/** Gives a file of the archive by the server's name for it; undefined only where the archive definitely lacks it. */
export type WalSource = (name: string) => Promise<Buffer | undefined>;

/** From where a recovery begins to where it ends. */
export interface WalWay {
  /** Timeline of the base, whose own history lies in its data directory. */
  readonly from: number;
  /** Timelines on the way, oldest first, and up to where each must be complete; the last is the one that is recovered to. */
  readonly line: readonly TimelineSwitch[];
}

/** To all that is archived of a timeline. */
export const endOfTimeline = 2n ** 64n - 1n;

/** Timeline histories alone: by them a recovery finds a new timeline that nobody used before. */
export function historySource(archive: WalArchive, way: WalWay): WalSource {
  return async (name) => {
    const timeline = /^([0-9A-F]{8})\.history$/.exec(name)?.[1];
    return timeline === undefined ? undefined : historyFile(archive, way, Number.parseInt(timeline, 16));
  };
}

/**
 * One that is damaged is no reason to stop where nothing needs what it says: of the base's own timeline and of those before
 * the last the server asks for a copy, and of later ones whether the number is taken.
 */
async function historyFile(archive: WalArchive, { from, line }: WalWay, timeline: number): Promise<Buffer | undefined> {
  const last = line.at(-1)?.timeline ?? from;
  try {
    const history = await archive.history(timeline);
    return history === undefined ? undefined : Buffer.from(history.text);
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectCorrupt') || (timeline === last && timeline !== from)) throw error;
    return timeline > last ? Buffer.from(`# damaged in the archive: the number ${timeline} is taken\n`) : undefined;
  }
}

/**
 * Histories and segments, as far as `pieces` go: what is archived meanwhile does not move the end of a recovery. ObjectCorrupt
 * for a segment that is damaged, and that no other pieces make good as far as the way needs it; WalConflict for one that holds
 * two histories there.
 */
export function archiveSource(archive: WalArchive, pieces: readonly WalPiece[], way: WalWay): WalSource {
  const histories = historySource(archive, way);
  return async (name) => {
    const start = segmentOf(name, archive.source.segmentBytes);
    if (start === undefined) return histories(name);
    const timeline = Number.parseInt(name.slice(0, 8), 16);
    const segment = await archive.segment(pieces, timeline, start);
    const end = { timeline, endLsn: start + BigInt(archive.source.segmentBytes) };
    requireWhole(segment, way, end);
    if (segment !== undefined)
      await requireOneHistory(archive, pieces, { segment, startLsn: start, ...neededOf(way, end) });
    // Nothing of it could be read, and nothing of it is needed.
    return segment === undefined || segment.endLsn === start ? undefined : segment.bytes;
  };
}

function requireWhole(segment: WalSegment | undefined, way: WalWay, end: SegmentEnd): void {
  if (segment?.damage === undefined) return;
  if (segment.endLsn < neededOf(way, end).endLsn) throw segment.damage;
}

interface SegmentEnd {
  readonly timeline: number;
  readonly endLsn: bigint;
}

/** Up to where the way needs a segment. */
function neededOf({ line }: WalWay, { timeline, endLsn }: SegmentEnd): SegmentEnd {
  const { switchLsn = 0n } = line.find((each) => each.timeline === timeline) ?? {};
  return { timeline, endLsn: switchLsn < endLsn ? switchLsn : endLsn };
}

/**
 * The archive, and behind its end, or where it is damaged, the segments in a stopped server's own `pg_wal`. A segment that
 * both have must agree as far as the archive goes: else the folder belongs to another history and is not asked.
 */
export function salvagingSource(
  archive: WalArchive,
  pieces: readonly WalPiece[],
  way: WalWay,
  dataDirectory: string,
): WalSource {
  const histories = historySource(archive, way);
  const { segmentBytes, component } = archive.source;
  return async (name) => {
    const start = segmentOf(name, segmentBytes);
    if (start === undefined) return histories(name);
    const timeline = Number.parseInt(name.slice(0, 8), 16);
    const known = await archive.segment(pieces, timeline, start);
    const end = { timeline, endLsn: start + BigInt(segmentBytes) };
    if (known !== undefined)
      await requireOneHistory(archive, pieces, { segment: known, startLsn: start, ...neededOf(way, end) });
    const archivedBytes = known === undefined ? 0 : Number(known.endLsn - start);
    if (archivedBytes === segmentBytes) return known?.bytes;
    const live = await readSegment(join(dataDirectory, 'pg_wal', name), segmentBytes);
    if (live === undefined || pageAddress(live) !== start) {
      requireWhole(known, way, end);
      return known === undefined || archivedBytes === 0 ? undefined : known.bytes;
    }
    if (known !== undefined && !live.subarray(0, archivedBytes).equals(known.bytes.subarray(0, archivedBytes))) {
      throw new LifeboatError('WalConflict', `\`pg_wal/${name}\` of the live server is not what was archived`, {
        component,
      });
    }
    return live;
  };
}

async function readSegment(path: string, bytes: number): Promise<Buffer | undefined> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    const content = await handle.readFile();
    return content.length === bytes ? content : undefined;
  } finally {
    await handle.close();
  }
}

/** `xlp_pageaddr` of the first page: a segment that was made ready for later still has an older one. */
function pageAddress(segment: Buffer): bigint {
  return segment.readBigUInt64LE(8);
}
