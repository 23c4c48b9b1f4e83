/**
 * Where a session begins, by what was read: a name in the archive is no proof that the server may forget what it stands for.
 * Read is what lies behind the slot's position, a few pieces, and what the archive ends with.
 */
import { bySegment, type WalPiece } from '../../../domain/wal.ts';
import type { WalArchive } from '../../../repository/repository.ts';
import { reliedOn, whereToStart, type StartQuestion, type StreamStart } from './where-to-start.ts';

export interface SoundStart {
  readonly start: StreamStart | undefined;
  /** Without those that are damaged. */
  readonly pieces: readonly WalPiece[];
  /** Those that were read and are sound. */
  readonly read: readonly WalPiece[];
}

interface SoundStartOptions extends Omit<StartQuestion, 'segmentBytes'> {
  readonly onRead?: (pieces: number) => void;
  readonly signal?: AbortSignal;
}

/** What is damaged goes out of its place: the server has it still, or else its absence shows the hole. */
export async function soundStart(archive: WalArchive, options: SoundStartOptions): Promise<SoundStart> {
  const { onRead, signal, ...question } = options;
  const { segmentBytes } = archive.source;
  const read = new Set<WalPiece>();
  let { pieces } = question;
  for (;;) {
    const start = whereToStart({ ...question, pieces, segmentBytes });
    const asked = reliedOn(start, { ...question, pieces, segmentBytes }).filter((piece) => !read.has(piece));
    if (asked.length === 0) return { start, pieces, read: [...read] };
    const gone = new Set(asked);
    for (const parts of bySegment(asked, segmentBytes)) {
      signal?.throwIfAborted();
      const { sound, damaged } = await archive.sound(parts);
      await archive.setAside(damaged.map(({ piece }) => piece));
      for (const piece of sound) {
        read.add(piece);
        gone.delete(piece);
      }
      onRead?.(read.size);
    }
    // With what is damaged go the parts of a whole segment that is sound: they were not read.
    pieces = pieces.filter((piece) => !gone.has(piece));
  }
}
