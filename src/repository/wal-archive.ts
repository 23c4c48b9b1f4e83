/**
 * `wal/<component>/<system id>/<timeline>/`: the write-ahead log of one cluster. Every object is one sealed frame that
 * begins with a line of JSON: who wrote it and which stretch it holds. A frame under another name than its own is
 * damage, for a server would end its recovery there in silence.
 */
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import { isWhole, parseTimelineHistory, parseWalPieceName, walPieceName } from '../domain/wal.ts';
import type { TimelineSwitch, WalPiece } from '../domain/wal.ts';
import { parseJson } from '../json/parse-json.ts';
import type { Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument, isUnreadable } from './document.ts';
import { frameKinds, frameOverhead } from './frame.ts';
import type { Opener, Sealer } from './frame.ts';
import { layout, originalName } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import type { Secrets } from './secrets.ts';

/** WAL compresses well at any level; a higher one would cost the database's host more than it saves. */
const zstdLevel = 1;

export interface WalSource {
  readonly component: string;
  /** Decimal text: 64 bits. */
  readonly systemId: string;
  /** `wal_segment_size`, bytes. */
  readonly segmentBytes: number;
}

/** Everything that the server had written until `time` lies before `lsn`, and is stored. */
export interface WalCoverage {
  readonly lsn: string;
  /** The server's clock, ISO 8601. */
  readonly time: string;
  /** Oids of the server's tablespaces then, ascending, with commas; an archive of an older version does not say. */
  readonly tablespaces?: string;
}

export interface WalArchive {
  readonly source: WalSource;
  /** The pieces that are stored, by names alone. */
  list(): Promise<{ readonly pieces: readonly WalPiece[] }>;
  /**
   * Stores a stretch of one segment, durable when it returns. May be called again with the same bytes (`stood`);
   * other bytes under the name are a WalConflict: two servers wrote the same timeline. `until` is the server's clock
   * (ISO 8601) when it had written up to the end.
   */
  put(piece: WalPiece, bytes: Uint8Array, until: string): Promise<'stored' | 'stood'>;
  /** One piece. ObjectMissing, ObjectCorrupt. */
  read(piece: WalPiece): Promise<{ readonly bytes: Buffer; readonly until: string }>;
  /**
   * A segment as the server would have it: whole, or its pieces from the first byte on, the rest zero. Undefined only
   * where `pieces` hold no beginning of it.
   */
  segment(pieces: readonly WalPiece[], timeline: number, segmentStart: bigint): Promise<Buffer | undefined>;
  /** The file that tells where a timeline left its parent; other text under the same number is a WalConflict, a damaged one is replaced. `since`: when it was met. */
  putHistory(timeline: number, text: string, since: string): Promise<'stored' | 'stood'>;
  history(timeline: number): Promise<{ readonly text: string; readonly since: string } | undefined>;
  /** Where the timeline and those before it left their parents, oldest first; none for the first, or where its history is not stored. */
  ancestors(timeline: number): Promise<TimelineSwitch[]>;
  putCoverage(timeline: number, coverage: WalCoverage): Promise<void>;
  /** Undefined also where it cannot be read, which is warned of. */
  coverage(timeline: number): Promise<WalCoverage | undefined>;
}

export interface WalContext {
  readonly storage: Storage;
  readonly secrets: Secrets | undefined;
  readonly sealer: Sealer;
  readonly opener: Opener;
  readonly warn: (message: string) => void;
}

interface Header {
  readonly component: string;
  readonly systemId: string;
  /** As in the key. */
  readonly name: string;
  readonly until: string;
}

/** One stored object of any archive. */
export interface WalObject {
  readonly key: string;
  readonly size: number;
  /** By the storage's clock. */
  readonly modifiedAt: Date;
  readonly component: string;
  readonly systemId: string;
  /** Name of a piece, of a history file, or `coverage.json`. */
  readonly name: string;
}

export async function* listWal(storage: Storage): AsyncGenerator<WalObject> {
  for await (const { key, size, modifiedAt } of ownObjects(storage, layout.allWal)) {
    const [, component = '', systemId = '', , name = ''] = key.split('/');
    yield { key, size, modifiedAt, component: originalName(component), systemId: originalName(systemId), name };
  }
}

export function createWalArchive(context: WalContext, source: WalSource): WalArchive {
  const { storage, secrets } = context;
  const { component, systemId, segmentBytes } = source;
  const keyOf = (timeline: number, name: string) => layout.wal(component, systemId, timeline, name);

  const put = async (timeline: number, name: string, bytes: Uint8Array, until: string): Promise<'stored' | 'stood'> => {
    const key = keyOf(timeline, name);
    const header: Header = { component, systemId, name, until };
    if ((await storage.putIfAbsent(key, sealed(context, header, bytes))) === 'created') return 'stored';
    const standing = await open(timeline, name);
    if (standing.bytes.equals(bytes)) return 'stood';
    throw new LifeboatError('WalConflict', `${name} of system ${systemId} is archived with other content`, {
      component,
    });
  };

  /** The server has the text: a damaged one need not wait for a verification, and its bytes stay below `damaged/`. */
  const putHistory = async (timeline: number, text: string, since: string): Promise<'stored' | 'stood'> => {
    const name = historyName(timeline);
    try {
      return await put(timeline, name, Buffer.from(text), since);
    } catch (error) {
      if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
      const key = keyOf(timeline, name);
      const standing = await storage.stat(key);
      if (standing === undefined) throw error;
      await storage.putIfAbsent(layout.damaged(key), await storage.read(key));
      const header: Header = { component, systemId, name, until: since };
      await storage.replaceIf(key, standing.version, sealed(context, header, Buffer.from(text)));
      // Lost against another writer: then its text is compared.
      return put(timeline, name, Buffer.from(text), since);
    }
  };

  const open = async (timeline: number, name: string): Promise<{ bytes: Buffer; until: string }> => {
    const key = keyOf(timeline, name);
    const { header, bytes } = opened(context, key, await storage.read(key));
    if (header.component !== component || header.systemId !== systemId || header.name !== name)
      throw new LifeboatError('ObjectCorrupt', `${key} holds ${header.name} of system ${header.systemId}`, {
        component,
      });
    return { bytes, until: header.until };
  };

  const readPiece = async (piece: WalPiece) => {
    const name = walPieceName(piece, segmentBytes);
    const stored = await open(piece.timeline, name);
    if (BigInt(stored.bytes.length) !== piece.endLsn - piece.startLsn)
      throw new LifeboatError('ObjectCorrupt', `${name} holds ${stored.bytes.length} bytes`, { component });
    return stored;
  };

  const history = async (timeline: number): Promise<{ text: string; since: string } | undefined> => {
    if ((await storage.stat(keyOf(timeline, historyName(timeline)))) === undefined) return undefined;
    const { bytes, until } = await open(timeline, historyName(timeline));
    return { text: bytes.toString('utf8'), since: until };
  };

  return {
    source,
    put: (piece, bytes, until) => put(piece.timeline, walPieceName(piece, segmentBytes), bytes, until),
    read: readPiece,
    async list() {
      const pieces: WalPiece[] = [];
      for await (const { key } of ownObjects(storage, layout.walOf(component, systemId))) {
        const name = key.slice(key.lastIndexOf('/') + 1);
        const piece = parseWalPieceName(name, segmentBytes);
        if (piece !== undefined) pieces.push(piece);
      }
      return { pieces };
    },
    async segment(pieces, timeline, segmentStart) {
      const segmentEnd = segmentStart + BigInt(segmentBytes);
      const whole = { timeline, startLsn: segmentStart, endLsn: segmentEnd };
      const parts = pieces.filter(
        (piece) => piece.timeline === timeline && piece.startLsn >= segmentStart && piece.endLsn <= segmentEnd,
      );
      if (parts.some((piece) => isWhole(piece, segmentBytes))) return (await readPiece(whole)).bytes;
      const into = Buffer.alloc(segmentBytes);
      let end = segmentStart;
      // Longest first where several begin at one place: an attempt that ran twice may have cut differently.
      const ascending = [...parts].sort((a, b) => order(a.startLsn, b.startLsn) || order(b.endLsn, a.endLsn));
      for (const piece of ascending) {
        if (piece.startLsn > end) break;
        if (piece.endLsn <= end) continue;
        into.set((await readPiece(piece)).bytes, Number(piece.startLsn - segmentStart));
        end = piece.endLsn;
      }
      return end === segmentStart ? undefined : into;
    },
    putHistory,
    history,
    ancestors: async (timeline) => parseTimelineHistory((await history(timeline))?.text ?? ''),
    async putCoverage(timeline, coverage) {
      const key = keyOf(timeline, coverageName);
      const bytes = encodeDocument(key, coverage, secrets);
      if ((await storage.putIfAbsent(key, bytes)) === 'created') return;
      const standing = await storage.stat(key);
      // Lost against another writer: what that one says is as true.
      if (standing !== undefined) await storage.replaceIf(key, standing.version, bytes);
    },
    async coverage(timeline) {
      const key = keyOf(timeline, coverageName);
      if ((await storage.stat(key)) === undefined) return undefined;
      try {
        return decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as WalCoverage;
      } catch (error) {
        // It promises nothing then. Whoever archives writes it anew within seconds.
        if (!isUnreadable(error)) throw error;
        context.warn(`${error.message}; until when that timeline is archived is not known`);
        return undefined;
      }
    },
  };
}

export const coverageName = 'coverage.json';

function historyName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}

function sealed({ sealer }: WalContext, header: Header, bytes: Uint8Array): Buffer {
  const line = Buffer.from(`${JSON.stringify(header)}\n`);
  const plain = Buffer.concat([line, bytes]);
  const into = Buffer.allocUnsafe(plain.length + frameOverhead);
  const length = sealer.seal({ kind: frameKinds.wal, plain, id: sealer.id(plain), level: zstdLevel }, into, 0);
  return into.subarray(0, length);
}

function opened({ opener }: WalContext, key: string, frame: Uint8Array): { header: Header; bytes: Buffer } {
  let plain: Buffer;
  try {
    plain = opener.open(frame, frameKinds.wal);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    throw new LifeboatError('ObjectCorrupt', `${key} ${error.message}`, { cause: error });
  }
  return walHeader(key, plain);
}

/** What an opened frame says of itself, and the rest of it. ObjectCorrupt. */
export function walHeader(key: string, plain: Buffer): { readonly header: Header; readonly bytes: Buffer } {
  const end = plain.indexOf(0x0a);
  try {
    return { header: parseJson(plain.toString('utf8', 0, end)) as Header, bytes: plain.subarray(end + 1) };
  } catch (error) {
    throw new LifeboatError('ObjectCorrupt', `${key} does not begin with its description`, { cause: error });
  }
}

function order(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
