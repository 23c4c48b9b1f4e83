/**
 * BASE_BACKUP over a replication session. The server's archives are handed on in slices of what the socket delivered;
 * when the consumer is behind, the socket is paused.
 */
import type { Socket } from 'node:net';
import type pg from 'pg';
import { CopySplitter } from './copy-splitter.ts';
import type { CopySink } from './copy-splitter.ts';
import { takeOver } from '../server/read-buffers.ts';

/** Reads whose bytes are not yet consumed, 8 MiB at most: enough to keep the server sending while a thread compresses. */
const pauseAboveReads = 32;
const resumeBelowReads = 8;

const kinds = { archive: 0x6e, data: 0x64, manifest: 0x6d, progress: 0x70 } as const;

export interface BaseBackupConsumer {
  /** A new archive begins. `name` is `base.tar` or `<oid>.tar`, `location` the tablespace's own path or empty. */
  archive(name: string, location: string): Promise<void>;
  /** The server's manifest begins; what follows goes to `data` too. */
  manifest(): Promise<void>;
  data(bytes: Buffer): Promise<void>;
}

export interface BaseBackupResult {
  readonly startLsn: string;
  readonly timeline: number;
  /** End of the WAL that the copy needs. Undefined where the server broke off before it. */
  readonly stopLsn: string | undefined;
  readonly tablespaces: readonly { readonly oid: string; readonly location: string; readonly bytes: number }[];
  /** The server's error after its last byte, if it sent one: a checksum failure ends this way. */
  readonly failure: Error | undefined;
}

export interface BaseBackupOptions {
  readonly label: string;
  readonly verifyChecksums: boolean;
  /** Called once, with the sizes that the server counted. */
  readonly onSizes: (totalBytes: number) => void;
}

/**
 * Runs BASE_BACKUP with WAL and manifest included, so that what comes is self-contained. Resolves when every byte was
 * consumed; an error of the server is part of the result, for a copy can be complete in spite of it. Rejects when the
 * connection or the consumer fails.
 */
export async function runBaseBackup(
  client: pg.Client,
  consumer: BaseBackupConsumer,
  options: BaseBackupOptions,
): Promise<BaseBackupResult> {
  const query = new BaseBackupQuery(commandOf(options), consumer, options.onSizes);
  client.query(query);
  return query.result;
}

function commandOf(options: BaseBackupOptions): string {
  const settings = [
    `LABEL '${options.label.replaceAll("'", "''")}'`,
    'PROGRESS',
    "CHECKPOINT 'fast'",
    'WAL',
    'WAIT false',
    "MANIFEST 'yes'",
    "MANIFEST_CHECKSUMS 'CRC32C'",
    'TABLESPACE_MAP',
    `VERIFY_CHECKSUMS ${options.verifyChecksums}`,
  ];
  return `BASE_BACKUP (${settings.join(', ')})`;
}

interface Piece {
  readonly kind: number;
  readonly bytes: Buffer;
  readonly isEnd: boolean;
}

/** After the pieces of one read: its memory may be used again. */
interface ReadEnd {
  readonly done: () => void;
}

/** pg's Submittable. The server answers: start position, tablespaces, the copy, end position. */
class BaseBackupQuery implements CopySink {
  readonly result: Promise<BaseBackupResult>;
  readonly #text: string;
  readonly #consumer: BaseBackupConsumer;
  readonly #onSizes: (totalBytes: number) => void;
  readonly #settle: { resolve: (result: BaseBackupResult) => void; reject: (error: unknown) => void };
  readonly #splitter = new CopySplitter(this);
  #stream: Socket | undefined;
  #toClient: (bytes: Buffer) => void = () => {};
  #rows: (string | null)[][][] = [];
  #queue: (Piece | ReadEnd)[] = [];
  #queuedReads = 0;
  #isPumping = false;
  #isOver = false;
  #failure: Error | undefined;
  #consumerFailure: { readonly error: unknown } | undefined;
  /** Parts of a short message (archive, manifest, progress) that came in pieces. */
  #message: Buffer[] = [];

  constructor(text: string, consumer: BaseBackupConsumer, onSizes: (totalBytes: number) => void) {
    this.#text = text;
    this.#consumer = consumer;
    this.#onSizes = onSizes;
    const { promise, resolve, reject } = Promise.withResolvers<BaseBackupResult>();
    this.result = promise;
    this.#settle = { resolve, reject };
  }

  submit(connection: pg.Connection): void {
    const stream = connection.stream as Socket;
    // pg's own parser keeps all messages but CopyData: it is put behind the splitter.
    const toParser = takeOver(stream, (bytes, done) => this.#read(bytes, done));
    this.#toClient = (bytes) => toParser(Buffer.from(bytes));
    this.#stream = stream;
    connection.query(this.#text);
  }

  other(bytes: Buffer): void {
    this.#toClient(bytes);
  }

  copy(kind: number, bytes: Buffer, isEnd: boolean): void {
    this.#queue.push({ kind, bytes, isEnd });
  }

  #read(bytes: Buffer, done: () => void): void {
    this.#splitter.feed(bytes);
    this.#queue.push({ done });
    this.#queuedReads += 1;
    if (this.#queuedReads > pauseAboveReads) this.#stream?.pause();
    if (!this.#isPumping) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    try {
      while (this.#queue.length > 0) {
        const pieces = this.#queue;
        this.#queue = [];
        for (const piece of pieces) {
          if ('kind' in piece) await this.#consume(piece);
          else this.#consumed(piece);
        }
      }
    } catch (error) {
      this.#consumerFailure = { error };
      this.#queue = [];
      this.#isOver = true;
      // The server would go on sending; nothing else ends a copy early.
      this.#stream?.destroy();
    }
    this.#isPumping = false;
    if (this.#isOver) this.#finish();
  }

  #consumed({ done }: ReadEnd): void {
    done();
    this.#queuedReads -= 1;
    if (this.#queuedReads < resumeBelowReads && this.#stream?.isPaused()) this.#stream.resume();
  }

  async #consume(piece: Piece): Promise<void> {
    if (piece.kind === kinds.data) return this.#consumer.data(piece.bytes);
    // The memory below is used again; a message in pieces outlives its first read.
    this.#message.push(Buffer.from(piece.bytes));
    if (!piece.isEnd) return;
    const message = Buffer.concat(this.#message);
    this.#message = [];
    if (piece.kind === kinds.manifest) return this.#consumer.manifest();
    if (piece.kind === kinds.archive) {
      const [name = '', location = ''] = message.toString('utf8').split('\0');
      return this.#consumer.archive(name, location);
    }
    if (piece.kind !== kinds.progress) throw new TypeError(`the server sent an unknown message (${piece.kind})`);
  }

  handleRowDescription(): void {
    this.#rows.push([]);
  }

  handleDataRow(message: { readonly fields: (string | null)[] }): void {
    this.#rows.at(-1)?.push(message.fields);
  }

  handleCommandComplete(): void {
    if (this.#rows.length === 2) this.#onSizes(this.#tablespaceRows().reduce((sum, each) => sum + each.bytes, 0));
  }

  handleReadyForQuery(): void {
    this.#over();
  }

  handleError(error: Error): void {
    this.#failure ??= error;
    this.#over();
  }

  #over(): void {
    this.#isOver = true;
    // What came in the same read is not yet consumed; the pump ends it.
    if (!this.#isPumping && this.#queue.length === 0) this.#finish();
  }

  #finish(): void {
    if (this.#consumerFailure !== undefined) return this.#settle.reject(this.#consumerFailure.error);
    const [start, , stop] = this.#rows;
    if (start?.[0] === undefined) {
      return this.#settle.reject(this.#failure ?? new Error('the server ended the base backup before it began'));
    }
    this.#settle.resolve({
      startLsn: start[0][0] ?? '',
      timeline: Number(start[0][1]),
      stopLsn: stop?.[0]?.[0] ?? undefined,
      tablespaces: this.#tablespaceRows(),
      failure: this.#failure,
    });
  }

  #tablespaceRows(): { oid: string; location: string; bytes: number }[] {
    return (this.#rows[1] ?? []).map(([oid, location, kilobytes]) => ({
      oid: oid ?? '',
      location: location ?? '',
      bytes: Number(kilobytes ?? 0) * 1024,
    }));
  }
}
