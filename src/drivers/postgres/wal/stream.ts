/**
 * START_REPLICATION over a replication session: the server's WAL as it is written. Positions go back to the server in
 * status updates; what is reported as flushed may be removed there.
 */
import type { Socket } from 'node:net';
import type pg from 'pg';
import { formatLsn, parseLsn } from '../../../domain/lsn.ts';

const kinds = { wal: 0x77, keepalive: 0x6b } as const;
const walHeaderBytes = 25;
/** PostgreSQL counts microseconds from here. */
const epochMs = Date.UTC(2000, 0, 1);

export interface StreamHandler {
  /** The bytes are valid only during the call. */
  wal(lsn: bigint, bytes: Buffer): void;
  /** The server had flushed up to `lsn` at `time`, by its own clock. Comes after its data. */
  flushed(lsn: bigint, time: Date): void;
  /** The server had sent up to `lsn` at `time`, by its own clock. `isAsking`: it waits for a status update. */
  keepalive(lsn: bigint, time: Date, isAsking: boolean): void;
}

export interface StreamOptions {
  /** Without one the server may remove what is still to come: 58P01. */
  readonly slot?: string;
  readonly timeline: number;
  /** The first byte of a segment. */
  readonly startLsn: bigint;
}

/** Where the server's next timeline begins. */
export interface NextTimeline {
  readonly timeline: number;
  readonly lsn: bigint;
}

export interface WalStream {
  /** Resolves where the timeline ends, with the next one; rejects where connection or server fail. */
  readonly ended: Promise<NextTimeline | undefined>;
  /** Reports what was received and what is durable, and asks for the server's position in return; false while it does not stream. */
  report(received: bigint, durable: bigint): boolean;
  pause(): void;
  resume(): void;
}

/** The session is of no other use afterwards: end it. */
export function streamWal(client: pg.Client, options: StreamOptions, handler: StreamHandler): WalStream {
  const query = new WalQuery(options, handler);
  client.query(query);
  return query;
}

/** pg's Submittable. The server answers with a copy in both directions, and after it with the next timeline. */
class WalQuery implements WalStream {
  readonly ended: Promise<NextTimeline | undefined>;
  readonly #text: string;
  readonly #handler: StreamHandler;
  readonly #settle: { resolve: (next: NextTimeline | undefined) => void; reject: (error: unknown) => void };
  #connection: pg.Connection | undefined;
  #isStreaming = false;
  #next: NextTimeline | undefined;

  constructor({ slot, startLsn, timeline }: StreamOptions, handler: StreamHandler) {
    this.#text = `START_REPLICATION ${slot === undefined ? '' : `SLOT ${slot} `}PHYSICAL ${formatLsn(startLsn)} TIMELINE ${timeline}`;
    this.#handler = handler;
    const { promise, resolve, reject } = Promise.withResolvers<NextTimeline | undefined>();
    this.ended = promise;
    this.#settle = { resolve, reject };
  }

  submit(connection: pg.Connection): void {
    this.#connection = connection;
    connection.on('replicationStart', () => {
      this.#isStreaming = true;
    });
    // At a timeline's end the server is done and waits for our own end.
    connection.on('copyDone', () => {
      this.#isStreaming = false;
      (connection as unknown as { endCopyFrom: () => void }).endCopyFrom();
    });
    connection.query(this.#text);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    if (chunk[0] === kinds.wal) {
      const lsn = chunk.readBigUInt64BE(1);
      this.#handler.wal(lsn, chunk.subarray(walHeaderBytes));
      this.#handler.flushed(chunk.readBigUInt64BE(9), timeAt(chunk, 17));
    } else if (chunk[0] === kinds.keepalive) {
      this.#handler.keepalive(chunk.readBigUInt64BE(1), timeAt(chunk, 9), chunk[17] === 1);
    }
  }

  report(received: bigint, durable: bigint): boolean {
    if (!this.#isStreaming) return false;
    const status = Buffer.alloc(34);
    status[0] = 0x72;
    status.writeBigUInt64BE(received, 1);
    status.writeBigUInt64BE(durable, 9);
    status.writeBigUInt64BE(durable, 17);
    status.writeBigInt64BE(BigInt(Date.now() - epochMs) * 1000n, 25);
    status[33] = 1;
    (this.#connection as unknown as { sendCopyFromChunk: (bytes: Buffer) => void }).sendCopyFromChunk(status);
    return true;
  }

  pause(): void {
    this.#stream()?.pause();
  }

  resume(): void {
    this.#stream()?.resume();
  }

  #stream(): Socket | undefined {
    return this.#connection?.stream as Socket | undefined;
  }

  handleRowDescription(): void {}

  handleDataRow({ fields }: { readonly fields: (string | null)[] }): void {
    const [timeline, lsn] = fields;
    if (timeline != null && lsn != null) this.#next = { timeline: Number(timeline), lsn: parseLsn(lsn) };
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#isStreaming = false;
    this.#settle.resolve(this.#next);
  }

  handleError(error: Error): void {
    this.#isStreaming = false;
    this.#settle.reject(error);
  }
}

function timeAt(chunk: Buffer, at: number): Date {
  return new Date(epochMs + Number(chunk.readBigInt64BE(at) / 1000n));
}
