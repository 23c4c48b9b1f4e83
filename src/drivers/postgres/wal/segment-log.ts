/**
 * Received WAL of one timeline, cut into what is to be sealed: segments as they fill, and on demand what came since.
 * Holds one segment. Synchronous: the network's buffer is copied before it is used again.
 */
import { formatLsn } from '../../../domain/lsn.ts';
import type { WalPiece } from '../../../domain/wal.ts';

export interface Stretch {
  readonly piece: WalPiece;
  readonly bytes: Buffer;
}

export interface SegmentLogOptions {
  readonly timeline: number;
  /** The first byte of a segment: whole segments are sealed, also where parts of them are sealed already. */
  readonly startLsn: bigint;
  /** What lies before is sealed; within the first segment, or its end. */
  readonly sealedTo: bigint;
  readonly segmentBytes: number;
}

export class SegmentLog {
  readonly #timeline: number;
  readonly #segmentBytes: number;
  #buffer: Buffer;
  #segmentStart: bigint;
  #received: bigint;
  /** End of what was handed out. */
  #taken: bigint;

  constructor({ timeline, startLsn, sealedTo, segmentBytes }: SegmentLogOptions) {
    this.#timeline = timeline;
    this.#segmentBytes = segmentBytes;
    this.#buffer = Buffer.alloc(segmentBytes);
    this.#segmentStart = startLsn;
    this.#received = startLsn;
    this.#taken = sealedTo;
  }

  /** End of what was received. */
  get received(): bigint {
    return this.#received;
  }

  /** Received bytes that nobody took yet. */
  get pendingBytes(): number {
    return this.#received > this.#taken ? Number(this.#received - this.#taken) : 0;
  }

  /** Takes what the server sent and gives the segments that are full now. */
  receive(lsn: bigint, bytes: Buffer): Stretch[] {
    if (lsn !== this.#received)
      throw new RangeError(`the server sent WAL at ${formatLsn(lsn)}, ${formatLsn(this.#received)} comes next`);
    const full: Stretch[] = [];
    let at = 0;
    while (at < bytes.length) {
      const offset = Number(this.#received - this.#segmentStart);
      const copied = bytes.copy(this.#buffer, offset, at, at + this.#segmentBytes - offset);
      at += copied;
      this.#received += BigInt(copied);
      if (offset + copied === this.#segmentBytes) full.push(this.#nextSegment());
    }
    return full;
  }

  /** What came since the last stretch was taken; undefined where nothing did. */
  take(): Stretch | undefined {
    if (this.pendingBytes === 0) return undefined;
    const piece = { timeline: this.#timeline, startLsn: this.#taken, endLsn: this.#received };
    const from = Number(piece.startLsn - this.#segmentStart);
    this.#taken = this.#received;
    // Not copied: these bytes never change, what follows is written behind them.
    return { piece, bytes: this.#buffer.subarray(from, Number(piece.endLsn - this.#segmentStart)) };
  }

  /** The current segment's bytes from its begin to `lsn`, to be compared with what is archived. */
  begin(lsn: bigint): Buffer {
    return this.#buffer.subarray(0, Number(lsn - this.#segmentStart));
  }

  #nextSegment(): Stretch {
    const end = this.#segmentStart + BigInt(this.#segmentBytes);
    const full = {
      piece: { timeline: this.#timeline, startLsn: this.#segmentStart, endLsn: end },
      bytes: this.#buffer,
    };
    this.#segmentStart = end;
    this.#taken = end;
    this.#buffer = Buffer.alloc(this.#segmentBytes);
    return full;
  }
}
