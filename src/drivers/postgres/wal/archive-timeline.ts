/**
 * Streams one timeline into the archive until it ends or the time is over:
 *
 *   server ─▶ segment log ─▶ seal (in order, one at a time) ─▶ status: flushed up to what is durable, in the
 *                                                              location that the slot waits for
 *
 * Sealed is a segment when it is full, and what came since after `sealEveryMs`, or at once where the server waits for it
 * (it does when it shuts down: so a clean shutdown loses nothing).
 */
import { LifeboatError } from '../../../domain/errors.ts';
import { formatLsn } from '../../../domain/lsn.ts';
import type { ReportProgress } from '../../../domain/progress.ts';
import type { WalPiece } from '../../../domain/wal.ts';
import type { WalArchive } from '../../../repository/repository.ts';
import type { WalFollower } from '../../driver.ts';
import type { Session } from '../server/connection.ts';
import { ServerClock } from './server-clock.ts';
import { SegmentLog, type Stretch } from './segment-log.ts';
import { streamWal, type NextTimeline, type WalStream } from './stream.ts';
import type { StreamStart } from './where-to-start.ts';

const tickMs = 100;
/** Well within wal_sender_timeout (60 s); each answer tells how far the server is. */
const reportEveryMs = 5_000;
/** One answer alone does not say how far the server had written: the next one does (server-clock.ts). */
const askAgainMs = 500;
/** How exact the archive knows until when it is complete; an idle database writes nothing else. */
const coverageEveryMs = 10_000;
/** Stretches that wait for the repository; then the server waits too. Each is a segment at most. */
const maxQueued = 2;

export interface TimelineOptions {
  readonly session: Session;
  readonly archive: WalArchive;
  readonly slot: string;
  readonly start: StreamStart;
  /** What is archived, without what is damaged. What the start relies on was read. */
  readonly pieces: readonly WalPiece[];
  readonly sealEveryMs: number;
  /** Asked a few times a second. */
  readonly isOver: () => boolean;
  /** The server's tablespaces, as far as they are known. */
  readonly tablespaces: () => string | undefined;
  readonly followers: readonly WalFollower[];
  readonly barrier: WalFollower | undefined;
  readonly onProgress: ReportProgress;
}

export interface TimelineReport {
  /** The server's next timeline; undefined where the time was over. */
  readonly next: NextTimeline | undefined;
  readonly sealedTo: bigint;
  readonly segments: number;
  readonly bytes: number;
  /** The server's clock when everything that it had written was archived; undefined where that never was so. */
  readonly coveredUntil: string | undefined;
}

export async function archiveTimeline(options: TimelineOptions): Promise<TimelineReport> {
  return new TimelineArchiver(options).run();
}

class TimelineArchiver {
  readonly #options: TimelineOptions;
  readonly #log: SegmentLog;
  readonly #stream: WalStream;
  readonly #stopped = Promise.withResolvers<undefined>();
  #durable: bigint;
  /** What the server may forget. */
  #acknowledged = 0n;
  /** Until when what is durable was durable, oldest first: what waits for the barrier. */
  readonly #waiting: { readonly lsn: bigint; readonly at: number }[] = [];
  #isCompared: boolean;
  /** When the oldest byte came that is not handed to a seal. */
  #pendingSince: number | undefined;
  readonly #clock = new ServerClock();
  /** Until when the archive was complete before; no piece of this session ends earlier. */
  #coveredBefore: string | undefined;
  #coverageWrittenAt = Number.NEGATIVE_INFINITY;
  #reportedAt = performance.now();
  #askAgainAt = Number.POSITIVE_INFINITY;
  #sealing: Promise<void> = Promise.resolve();
  #queued = 0;
  #segments = 0;
  #bytes = 0;

  constructor(options: TimelineOptions) {
    const { start, archive, session, slot } = options;
    this.#options = options;
    this.#durable = start.sealedTo;
    this.#isCompared = start.sealedTo === start.startLsn;
    if (this.#isCompared) this.#hold(start.sealedTo);
    this.#log = new SegmentLog({ ...start, segmentBytes: archive.source.segmentBytes });
    this.#stream = streamWal(
      session.client,
      { slot, ...start },
      {
        wal: (lsn, bytes) => this.#receive(lsn, bytes),
        flushed: (lsn, time) => this.#clock.flushed(lsn, time),
        keepalive: (lsn, time, isAsking) => this.#hear(lsn, time, isAsking),
      },
    );
    // Awaited in `run`; until then a failure must not count as unhandled.
    this.#stream.ended.catch(() => undefined);
  }

  async run(): Promise<TimelineReport> {
    const { archive, start } = this.#options;
    this.#enqueue(async () => {
      this.#coveredBefore = (await archive.coverage(start.timeline))?.time;
    });
    const ticking = setInterval(() => this.#tick(), tickMs);
    let next: NextTimeline | undefined;
    try {
      next = await Promise.race([this.#stream.ended, this.#stopped.promise]);
    } finally {
      clearInterval(ticking);
      // Also where the connection broke: what came is good.
      this.#sealPending();
      await this.#sealing;
      await this.#writeCoverage(0);
      this.#report();
    }
    return {
      next,
      sealedTo: this.#durable,
      segments: this.#segments,
      bytes: this.#bytes,
      coveredUntil: this.#clock.covered?.time.toISOString(),
    };
  }

  #receive(lsn: bigint, bytes: Buffer): void {
    try {
      const full = this.#log.receive(lsn, bytes);
      this.#compareOnce(full[0]);
      for (const segment of full) this.#seal(segment);
      if (full.length > 0) this.#pendingSince = undefined;
      if (this.#log.pendingBytes > 0) this.#pendingSince ??= performance.now();
    } catch (error) {
      this.#stopped.reject(error);
    }
  }

  #hear(lsn: bigint, time: Date, isAsking: boolean): void {
    this.#clock.sent(lsn, time, isAsking);
    if (!isAsking) return;
    this.#sealPending();
    this.#report();
  }

  #tick(): void {
    const now = performance.now();
    const { sealEveryMs, isOver, onProgress } = this.#options;
    if (this.#pendingSince !== undefined && now - this.#pendingSince >= sealEveryMs) this.#sealPending();
    const isDue = now - this.#reportedAt >= reportEveryMs;
    if (isDue || now >= this.#askAgainAt || this.#passBarrier()) {
      this.#askAgainAt = isDue ? now + askAgainMs : Number.POSITIVE_INFINITY;
      this.#report();
    }
    void this.#noteCoverage();
    onProgress({
      phase: 'stream',
      bytesDone: this.#bytes,
      bytesTotal: 0,
      note: `archived to ${formatLsn(this.#durable)}, ${this.#log.pendingBytes} bytes wait`,
    });
    if (isOver()) this.#stopped.resolve(undefined);
  }

  #report(): void {
    this.#reportedAt = performance.now();
    this.#passBarrier();
    if (this.#stream.report(this.#log.received, this.#acknowledged)) this.#clock.asked();
  }

  /** Durable up to here: the server may forget it as soon as the barrier has it too. */
  #hold(lsn: bigint): void {
    this.#waiting.push({ lsn, at: performance.now() });
  }

  /** Whether the server may forget more than before. */
  #passBarrier(): boolean {
    const { barrier } = this.#options;
    const passedAt = barrier === undefined ? Number.POSITIVE_INFINITY : (barrier.passedAt() ?? 0);
    const before = this.#acknowledged;
    for (let [first] = this.#waiting; first !== undefined && first.at < passedAt; [first] = this.#waiting) {
      this.#acknowledged = first.lsn;
      this.#waiting.shift();
    }
    return this.#acknowledged > before;
  }

  #sealPending(): void {
    const stretch = this.#log.take();
    this.#pendingSince = undefined;
    if (stretch !== undefined) this.#seal(stretch);
  }

  #seal({ piece, bytes }: Stretch): void {
    const time = this.#clock.timeAt(piece.endLsn)?.toISOString();
    this.#queued += 1;
    if (this.#queued > maxQueued) this.#stream.pause();
    this.#enqueue(async () => {
      const until = time ?? this.#coveredBefore ?? new Date(0).toISOString();
      if ((await this.#options.archive.put(piece, bytes, until)) === 'stored') {
        this.#segments += 1;
        this.#bytes += bytes.length;
      }
      if (piece.endLsn > this.#durable) {
        this.#durable = piece.endLsn;
        this.#hold(piece.endLsn);
        for (const follower of this.#options.followers) follower.sealed([this.#options.archive.keyOf(piece)]);
      }
      this.#queued -= 1;
      if (this.#queued <= maxQueued) this.#stream.resume();
      this.#report();
    });
  }

  /**
   * What is archived of the first segment is compared with what the server has there: a server that went another way on
   * the same timeline (an older copy that was started) is met here and not mixed in.
   */
  #compareOnce(first: Stretch | undefined): void {
    const { start } = this.#options;
    if (this.#isCompared || this.#log.received < start.sealedTo) return;
    this.#isCompared = true;
    const length = Number(start.sealedTo - start.startLsn);
    const own = first === undefined ? this.#log.begin(start.sealedTo) : first.bytes.subarray(0, length);
    this.#enqueue(async () => {
      await this.#compare(own);
      this.#hold(start.sealedTo);
      this.#report();
    });
  }

  /** Piece by piece: where one was damaged the others still tell. */
  async #compare(own: Buffer): Promise<void> {
    const { start, archive, pieces } = this.#options;
    for (const piece of pieces) {
      const { timeline, startLsn, endLsn } = piece;
      if (timeline !== start.timeline || startLsn < start.startLsn || endLsn > start.sealedTo) continue;
      const { bytes } = await archive.read(piece);
      const [from, to] = [startLsn, endLsn].map((lsn) => Number(lsn - start.startLsn));
      if (!own.subarray(from, to).equals(bytes)) throw this.#conflict();
    }
  }

  #conflict(): LifeboatError {
    const { archive, start } = this.#options;
    return new LifeboatError(
      'WalConflict',
      `the server has other WAL before ${formatLsn(start.sealedTo)} on timeline ${start.timeline} than the archive`,
      { component: archive.source.component },
    );
  }

  /** In order: the end of what is durable must have no hole. The first failure ends the stream. */
  #enqueue(act: () => Promise<void>): void {
    this.#sealing = this.#sealing.then(act);
    this.#sealing.catch((error: unknown) => this.#stopped.reject(error));
  }

  async #noteCoverage(): Promise<void> {
    await this.#writeCoverage(coverageEveryMs).catch((error: unknown) => this.#stopped.reject(error));
  }

  async #writeCoverage(everyMs: number): Promise<void> {
    const now = performance.now();
    this.#clock.cover(this.#durable);
    const { covered } = this.#clock;
    if (covered === undefined || now - this.#coverageWrittenAt < everyMs) return;
    this.#coverageWrittenAt = now;
    const { lsn, time } = covered;
    const tablespaces = this.#options.tablespaces();
    await this.#options.archive.putCoverage(this.#options.start.timeline, {
      lsn: formatLsn(lsn),
      time: time.toISOString(),
      ...(tablespaces === undefined ? {} : { tablespaces }),
    });
  }
}
