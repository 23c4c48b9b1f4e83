/** Where a recovery gets its WAL from: the archive, and for `latest` also what the live server left on its disk. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LifeboatError } from '../../../domain/errors.ts';
import { segmentOf } from '../../../domain/lsn.ts';
import { coveredRanges, type WalPiece } from '../../../domain/wal.ts';
import type { WalArchive } from '../../../repository/repository.ts';

/** Gives a file of the archive by the server's name for it; undefined only where the archive definitely lacks it. */
export type WalSource = (name: string) => Promise<Buffer | undefined>;

/** Timeline histories alone: by them a recovery finds a new timeline that nobody used before. */
export function historySource(archive: WalArchive): WalSource {
  return async (name) => {
    const timeline = /^([0-9A-F]{8})\.history$/.exec(name)?.[1];
    if (timeline === undefined) return undefined;
    const history = await archive.history(Number.parseInt(timeline, 16));
    return history === undefined ? undefined : Buffer.from(history.text);
  };
}

/** Histories and segments, as far as `pieces` go: what is archived meanwhile does not move the end of a recovery. */
export function archiveSource(archive: WalArchive, pieces: readonly WalPiece[]): WalSource {
  const histories = historySource(archive);
  return async (name) => {
    const start = segmentOf(name, archive.source.segmentBytes);
    if (start === undefined) return histories(name);
    return archive.segment(pieces, Number.parseInt(name.slice(0, 8), 16), start);
  };
}

/**
 * The archive, and behind its end the segments in a stopped server's own `pg_wal`. A segment that both have must agree
 * as far as the archive goes: else the folder belongs to another history and is not asked.
 */
export function salvagingSource(archive: WalArchive, pieces: readonly WalPiece[], dataDirectory: string): WalSource {
  const archived = archiveSource(archive, pieces);
  const { segmentBytes, component } = archive.source;
  return async (name) => {
    const known = await archived(name);
    const start = segmentOf(name, segmentBytes);
    if (start === undefined) return known;
    const timeline = Number.parseInt(name.slice(0, 8), 16);
    const ends = pieces.filter(
      (piece) =>
        piece.timeline === timeline && piece.startLsn >= start && piece.startLsn < start + BigInt(segmentBytes),
    );
    // As far as `segment` fills it: behind a hole the archive's own bytes are not asked for.
    const whole = coveredRanges(ends, timeline).find(({ startLsn }) => startLsn === start);
    const archivedBytes = whole === undefined ? 0 : Number(whole.endLsn - start);
    if (archivedBytes === segmentBytes) return known;
    const live = await readSegment(join(dataDirectory, 'pg_wal', name), segmentBytes);
    if (live === undefined || pageAddress(live) !== start) return known;
    if (known !== undefined && !live.subarray(0, archivedBytes).equals(known.subarray(0, archivedBytes))) {
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
