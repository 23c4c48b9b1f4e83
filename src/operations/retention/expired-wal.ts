/**
 * Archived WAL that nobody needs any more. A piece goes when it is older than the window, lies before the base at which
 * the window begins on every timeline that was written in it, and no kept recovery point is a position behind it.
 */
import { isLifeboatError } from '../../domain/errors.ts';
import { parseLsn } from '../../domain/lsn.ts';
import type { ComponentRecord, Manifest } from '../../domain/recovery-point.ts';
import {
  baseEndOf,
  bySegment,
  isBaseOf,
  isOnLine,
  isWhole,
  parseWalPieceName,
  piecesBetween,
  walPieceName,
  type BaseEnd,
  type TimelineSwitch,
} from '../../domain/wal.ts';
import type { Repository, WalArchive, WalObject } from '../../repository/repository.ts';
import { archiveOf, currentTimeline } from '../wal/continuity.ts';

export interface ExpiredWal {
  readonly keys: readonly string[];
  readonly bytes: number;
}

export interface WalWindow {
  /** Manifests that stay. */
  readonly kept: readonly Manifest[];
  /** Ids of kept points that a recovery may begin at. */
  readonly usable: ReadonlySet<string>;
  readonly walSeconds: number;
  /** By the storage's clock. */
  readonly now: Date;
}

export async function expiredWal(repository: Repository, window: WalWindow): Promise<ExpiredWal> {
  const all: WalObject[] = [];
  for await (const object of repository.listWal()) all.push(object);
  const clusters = Map.groupBy(all, ({ component, systemId }) => JSON.stringify([component, systemId]));
  const expired: WalObject[] = [];
  for (const objects of clusters.values())
    expired.push(...(await expiredOf(repository, objects, window).catch(unlessDamaged)));
  return { keys: expired.map(({ key }) => key), bytes: expired.reduce((sum, { size }) => sum + size, 0) };
}

/** Without a history nobody knows what leads to what: all of that cluster stays. */
function unlessDamaged(error: unknown): [] {
  if (isLifeboatError(error, 'ObjectCorrupt')) return [];
  throw error;
}

async function expiredOf(
  repository: Repository,
  objects: readonly WalObject[],
  { kept, usable, walSeconds, now }: WalWindow,
): Promise<WalObject[]> {
  const [first] = objects;
  const since = new Date(now.getTime() - walSeconds * 1000);
  const old = objects.filter(({ modifiedAt }) => modifiedAt < since);
  if (first === undefined || old.length === 0) return [];
  const records = kept.flatMap(({ timestamp, lifeboat }) =>
    lifeboat.components.filter((record) => isOf(record, first)).map((record) => ({ timestamp, record })),
  );
  const [newest] = records;
  // A cluster of which nothing is kept is gone.
  if (newest === undefined) return old;
  const archive = archiveOf(repository, newest.record);
  if (archive === undefined) return [];
  const { segmentBytes } = archive.source;
  const bases = records.flatMap(({ timestamp, record }): BaseEnd[] => {
    const end = baseEndOf(record);
    const isBase = record.chain === undefined && !record.suspect && usable.has(timestamp);
    return isBase && end !== undefined && record.capturedUntil <= since.toISOString() ? [end] : [];
  });
  const begins = await beginsOf(archive, bases, await timelinesOf(archive, objects, since));
  // One that has no base before the window needs all of it.
  if (begins === undefined) return [];
  const parts = old.filter(({ name }) => name.includes('-'));
  const needed = await neededNames(
    repository,
    records.map(({ record }) => record),
    new Set(parts.map(({ name }) => name)),
  );
  return old.filter(({ name }) => {
    const piece = parseWalPieceName(name, segmentBytes);
    if (piece === undefined || needed.has(name)) return false;
    return !begins.some(({ base, line }) => isOnLine(piece, base, line));
  });
}

interface Begin {
  /** The newest before the window. */
  readonly base: BaseEnd;
  readonly line: { readonly timeline: number; readonly history: readonly TimelineSwitch[] };
}

/** For each timeline that was written in the window, by itself: after `restore undo` an older one goes on. */
async function beginsOf(
  archive: WalArchive,
  newestFirst: readonly BaseEnd[],
  timelines: readonly number[],
): Promise<Begin[] | undefined> {
  const begins: Begin[] = [];
  for (const timeline of timelines) {
    const history = await archive.ancestors(timeline);
    const base = newestFirst.find((each) => isBaseOf(each, timeline, history));
    if (base === undefined) return undefined;
    begins.push({ base, line: { timeline, history } });
  }
  return begins;
}

/** Those of which something came in since, and the one that was covered last: its database may only be quiet. */
async function timelinesOf(
  archive: WalArchive,
  objects: readonly WalObject[],
  since: Date,
): Promise<readonly number[]> {
  const pieces = objects.flatMap(({ name, modifiedAt }) => {
    const piece = parseWalPieceName(name, archive.source.segmentBytes);
    return piece === undefined ? [] : [{ timeline: piece.timeline, modifiedAt }];
  });
  if (pieces.length === 0) return [];
  const all = [...new Set(pieces.map(({ timeline }) => timeline))];
  const recent = pieces.filter(({ modifiedAt }) => modifiedAt >= since).map(({ timeline }) => timeline);
  return [...new Set([...recent, (await currentTimeline(archive, all)).timeline])];
}

function isOf({ id, facts }: ComponentRecord, { component, systemId }: WalObject): boolean {
  return id === component && facts['systemIdentifier'] === systemId;
}

/**
 * Pieces that lead from a base to a position that is kept. Of the parts that are old enough to leave those stay whose whole
 * segment is damaged: it is read before they go, which is once.
 */
async function neededNames(
  repository: Repository,
  records: readonly ComponentRecord[],
  parts: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  const wholes = new Map<string, boolean>();
  for (const record of records) {
    const base = baseEndOf(record);
    const archive = archiveOf(repository, record);
    if (record.chain === undefined || base === undefined || archive === undefined) continue;
    const { timeline, endLsn } = record.chain;
    const { pieces } = await archive.list();
    const history = await archive.ancestors(timeline);
    const end = { timeline, endLsn: parseLsn(endLsn) };
    const { segmentBytes } = archive.source;
    const between = piecesBetween(base, end, { pieces, history });
    for (const ofSegment of bySegment(between, segmentBytes)) {
      const names = ofSegment.map((piece) => walPieceName(piece, segmentBytes));
      const whole = ofSegment.find((piece) => isWhole(piece, segmentBytes));
      const segment = whole === undefined ? '' : walPieceName(whole, segmentBytes);
      if (whole !== undefined && !wholes.has(segment) && names.some((name) => parts.has(name)))
        wholes.set(segment, (await archive.sound([whole])).sound.length > 0);
      for (const name of names) if (name === segment || wholes.get(segment) !== true) needed.add(name);
    }
  }
  return needed;
}
