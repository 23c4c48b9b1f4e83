/**
 * Archives what only the stopped server's disk had: from the archive's end to where recovery left the timeline. Without
 * it the archive would have a hole between the old timeline and the new one.
 */
import { walFileName } from '../../../domain/lsn.ts';
import { lastRange } from '../../../domain/wal.ts';
import type { WalArchive } from '../../../repository/repository.ts';
import { segmentStartOf } from './where-to-start.ts';
import type { WalSource } from './source.ts';

/** May run again: a stretch is stored under its own positions. Returns how many bytes were new. */
export async function archiveSalvaged(
  archive: WalArchive,
  source: WalSource,
  { timeline, switchLsn, now }: { readonly timeline: number; readonly switchLsn: bigint; readonly now: Date },
): Promise<number> {
  const { segmentBytes } = archive.source;
  const { pieces: all } = await archive.list();
  const pieces = await archive.withSoundEnds(all.filter((piece) => piece.timeline === timeline));
  let position = lastRange(pieces, timeline)?.endLsn;
  let stored = 0;
  while (position !== undefined && position < switchLsn) {
    const start = segmentStartOf(position, segmentBytes);
    const segmentEnd = start + BigInt(segmentBytes);
    const endLsn = segmentEnd < switchLsn ? segmentEnd : switchLsn;
    const bytes = await source(walFileName(timeline, start, segmentBytes));
    if (bytes === undefined) return stored;
    const stretch = bytes.subarray(Number(position - start), Number(endLsn - start));
    await archive.put({ timeline, startLsn: position, endLsn }, stretch, now.toISOString());
    stored += stretch.length;
    position = endLsn;
  }
  return stored;
}
