/** A stretch of WAL as the server itself has it, segment by segment: what is archived is compared with it. */
import { formatLsn } from '../../../domain/lsn.ts';
import type { Session } from '../server/connection.ts';
import { SegmentLog, type Stretch } from './segment-log.ts';
import { streamWal } from './stream.ts';

/** Segments that wait for whoever compares; then the server waits too. */
const maxQueued = 2;
/** Well within wal_sender_timeout (60 s). */
const reportEveryMs = 5_000;

interface OwnWalOptions {
  readonly timeline: number;
  /** The first byte of a segment. */
  readonly startLsn: bigint;
  /** Flushed already. The last stretch may reach beyond it. */
  readonly endLsn: bigint;
  readonly segmentBytes: number;
}

/** 58P01 where the server does not have it any more. The session is of no other use afterwards: end it. */
export async function* ownWal(session: Session, options: OwnWalOptions): AsyncGenerator<Stretch> {
  const { timeline, startLsn, endLsn, segmentBytes } = options;
  const log = new SegmentLog({ timeline, startLsn, sealedTo: startLsn, segmentBytes });
  const queue: Stretch[] = [];
  let more = Promise.withResolvers<undefined>();
  let isOver = false;
  const handler = {
    wal: (lsn: bigint, bytes: Buffer) => {
      if (isOver || log.received >= endLsn) return;
      queue.push(...log.receive(lsn, bytes));
      const rest = log.received >= endLsn ? log.take() : undefined;
      if (rest !== undefined) queue.push(rest);
      if (queue.length > maxQueued) stream.pause();
      more.resolve(undefined);
    },
    flushed: () => undefined,
    keepalive: () => undefined,
  };
  const stream = streamWal(session.client, { timeline, startLsn }, handler);
  const ended = stream.ended.then(() => {
    throw new Error(`the server ended timeline ${timeline} before ${formatLsn(endLsn)}`);
  });
  // Awaited below; until then a failure must not count as unhandled.
  ended.catch(() => undefined);
  // Nothing is durable by this: a server that waits for standbys must not count on it.
  const reporting = setInterval(() => stream.report(log.received, 0n), reportEveryMs);
  try {
    for (let at = startLsn; at < endLsn;) {
      const next = queue.shift();
      if (next === undefined) {
        stream.resume();
        await Promise.race([more.promise, ended]);
        more = Promise.withResolvers();
        continue;
      }
      yield next;
      at = next.piece.endLsn;
    }
  } finally {
    isOver = true;
    clearInterval(reporting);
    stream.resume();
  }
}
