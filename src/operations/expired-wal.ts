/**
 * Archived WAL that nobody needs any more. A piece goes when it is older than the window, lies before the newest base
 * from which every moment of the window can be restored, and no kept recovery point is a position behind it.
 */
import { parseLsn } from '../domain/lsn.ts';
import type { ComponentRecord, Manifest } from '../domain/recovery-point.ts';
import { baseEndOf, parseWalPieceName, piecesBetween, walPieceName } from '../domain/wal.ts';
import type { Repository, WalObject } from '../repository/repository.ts';
import { archiveOf } from './wal-status.ts';

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
  for (const objects of clusters.values()) expired.push(...(await expiredOf(repository, objects, window)));
  return { keys: expired.map(({ key }) => key), bytes: expired.reduce((sum, { size }) => sum + size, 0) };
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
  const floor = records.find(
    ({ timestamp, record }) =>
      record.chain === undefined &&
      !record.suspect &&
      usable.has(timestamp) &&
      record.capturedUntil <= since.toISOString(),
  )?.record;
  // A cluster of which nothing is kept is gone; one that has no base before the window needs all of it.
  if (floor === undefined && records.length > 0) return [];
  const segmentBytes = segmentBytesOf(records[0]?.record) ?? usualSegmentBytes;
  const end = floor === undefined ? undefined : baseEndOf(floor);
  if (floor !== undefined && end === undefined) return [];
  const needed = await neededNames(
    repository,
    records.map(({ record }) => record),
    segmentBytes,
  );
  return old.filter(({ name }) => {
    const piece = parseWalPieceName(name, segmentBytes);
    if (piece === undefined || needed.has(name)) return false;
    return end === undefined || (piece.timeline <= end.timeline && piece.endLsn <= end.stopLsn);
  });
}

/** Where no record of a cluster is left its own size is not known any more, and only the names' shape matters. */
const usualSegmentBytes = 16 * 1024 * 1024;

function isOf({ id, facts }: ComponentRecord, { component, systemId }: WalObject): boolean {
  return id === component && facts['systemIdentifier'] === systemId;
}

function segmentBytesOf(record: ComponentRecord | undefined): number | undefined {
  const bytes = record?.facts['walSegmentBytes'];
  return typeof bytes === 'number' ? bytes : undefined;
}

/** Pieces that lead from a base to a position that is kept. */
async function neededNames(
  repository: Repository,
  records: readonly ComponentRecord[],
  segmentBytes: number,
): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  for (const record of records) {
    const base = baseEndOf(record);
    const archive = archiveOf(repository, record);
    if (record.chain === undefined || base === undefined || archive === undefined) continue;
    const { timeline, endLsn } = record.chain;
    const { pieces } = await archive.list();
    const history = await archive.ancestors(timeline);
    const end = { timeline, endLsn: parseLsn(endLsn) };
    for (const piece of piecesBetween(base, end, { pieces, history, segmentBytes }))
      needed.add(walPieceName(piece, segmentBytes));
  }
  return needed;
}
