/**
 * `wal/<component>/<system id>/<timeline>/`: the write-ahead log of one cluster. Every object is one sealed frame that
 * begins with a line of JSON: who wrote it and which stretch it holds. A frame under another name than its own is
 * damage, for a server would end its recovery there in silence.
 */
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import { parseTimelineHistory, parseWalPieceName, walPieceName } from '../domain/wal.ts';
import type { TimelineSwitch, WalPiece } from '../domain/wal.ts';
import type { Storage } from '../storage/storage.ts';
import { isIntact } from './check/check-object.ts';
import { decodeDocument, encodeDocument, isUnreadable } from './document.ts';
import type { Opener, Sealer } from './frame.ts';
import { layout, originalName } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import { replaceDamaged } from './replace-damaged.ts';
import type { Secrets } from './secrets.ts';
import { coverageName, openWal, sealWal } from './wal-frame.ts';
import { setAside, walThatMayGo } from './quarantine-wal.ts';
import { joinSegment, soundPieces, withSoundEnds, type SoundPieces, type WalSegment } from './sound-wal.ts';

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
  /** Where a piece lies in the repository. */
  keyOf(piece: WalPiece): string;
  /**
   * Stores a stretch of one segment, durable when it returns. May be called again with the same bytes (`stood`);
   * other bytes under the name are a WalConflict: two servers wrote the same timeline. What is damaged or not ours under
   * the name is replaced. `until` is the server's clock (ISO 8601) when it had written up to the end.
   */
  put(piece: WalPiece, bytes: Uint8Array, until: string): Promise<'stored' | 'stood'>;
  /** One piece. ObjectMissing, ObjectCorrupt. */
  read(piece: WalPiece): Promise<{ readonly bytes: Buffer; readonly until: string }>;
  /**
   * A segment as the server would have it: whole, or its pieces from the first byte on, the rest zero. Undefined only
   * where `pieces` hold no beginning of it.
   */
  segment(pieces: readonly WalPiece[], timeline: number, segmentStart: bigint): Promise<WalSegment | undefined>;
  /** Reads them: which are what their names say. */
  sound(pieces: readonly WalPiece[]): Promise<SoundPieces>;
  /** Without what only seems to lengthen the archive, which is warned of: the last piece of each stretch is read. */
  withSoundEnds(pieces: readonly WalPiece[]): Promise<readonly WalPiece[]>;
  /** Takes damaged pieces out of the archive, their bytes kept: for what the server may still have. */
  setAside(pieces: readonly WalPiece[]): Promise<void>;
  /** The file that tells where a timeline left its parent; other text under the same number is a WalConflict. `since`: when it was met. */
  putHistory(timeline: number, text: string, since: string): Promise<'stored' | 'stood'>;
  history(timeline: number): Promise<{ readonly text: string; readonly since: string } | undefined>;
  /** Where the timeline and those before it left their parents, oldest first; none for the first, or where its history is not stored. */
  ancestors(timeline: number): Promise<TimelineSwitch[]>;
  putCoverage(timeline: number, coverage: WalCoverage): Promise<void>;
  /** Undefined also where it cannot be read, which is warned of. */
  coverage(timeline: number): Promise<WalCoverage | undefined>;
}

export interface WalContext {
  readonly id: string;
  readonly storage: Storage;
  readonly secrets: Secrets | undefined;
  readonly sealer: Sealer;
  readonly opener: Opener;
  readonly warn: (message: string) => void;
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

  const put = async (
    timeline: number,
    name: string,
    bytes: Uint8Array,
    until: string,
    isAgain = false,
  ): Promise<'stored' | 'stood'> => {
    const key = keyOf(timeline, name);
    const frame = sealWal(context.sealer, { component, systemId, name, until }, bytes);
    if ((await storage.putIfAbsent(key, frame)) === 'created') return 'stored';
    const standing = await open(timeline, name).catch((error: unknown) => {
      if (isAgain || !isLifeboatError(error, 'ObjectCorrupt')) throw error;
      return undefined;
    });
    if (standing?.bytes.equals(bytes) === true) return 'stood';
    if (standing !== undefined)
      throw new LifeboatError('WalConflict', `${name} of system ${systemId} is archived with other content`, {
        component,
      });
    // Whoever stores has the bytes: what is damaged need not wait for a verification.
    if (await replaceDamaged(storage, key, frame, (bytes) => !isIntact(context, key, bytes))) {
      context.warn(`${key} was damaged, or not written by Lifeboat: it was replaced by what the server has`);
      return 'stored';
    }
    // Another writer was faster: its bytes are compared.
    return put(timeline, name, bytes, until, true);
  };

  const open = async (timeline: number, name: string): Promise<{ bytes: Buffer; until: string }> => {
    const key = keyOf(timeline, name);
    const { header, bytes } = openWal(context.opener, key, await storage.read(key));
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
    keyOf: (piece) => keyOf(piece.timeline, walPieceName(piece, segmentBytes)),
    async segment(pieces, timeline, segmentStart) {
      const segmentEnd = segmentStart + BigInt(segmentBytes);
      const parts = pieces.filter(
        (piece) => piece.timeline === timeline && piece.startLsn >= segmentStart && piece.endLsn <= segmentEnd,
      );
      return joinSegment(readPiece, parts, segmentStart, segmentBytes);
    },
    sound: (pieces) => soundPieces(readPiece, pieces, segmentBytes),
    async withSoundEnds(pieces) {
      const { pieces: ended, damaged } = await withSoundEnds(readPiece, pieces);
      for (const { error } of damaged) context.warn(`${error.message}; it does not count as archived`);
      return ended;
    },
    async setAside(pieces) {
      const keys = pieces.map((piece) => keyOf(piece.timeline, walPieceName(piece, segmentBytes)));
      const gone = await setAside(context, keys, walThatMayGo, keys.length);
      for (const key of gone)
        context.warn(`${key} is damaged, or was not written by Lifeboat: it was moved to ${layout.damaged(key)}`);
    },
    putHistory: (timeline, text, since) => put(timeline, historyName(timeline), Buffer.from(text), since),
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

function historyName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}
