/**
 * What the archived WAL of a PostgreSQL component is worth: from which recovery point on, and until when, any moment can
 * be restored. Read from the repository alone: it holds with engine and Temporal dead.
 */
import { isLifeboatError } from '../../domain/errors.ts';
import { formatLsn, parseLsn } from '../../domain/lsn.ts';
import { isRefuted, type BackupId, type ComponentRecord } from '../../domain/recovery-point.ts';
import {
  baseEndOf,
  hasTablespaces,
  isOfOther,
  reachFrom,
  type TimelineSwitch,
  type WalPiece,
  type WalReach,
} from '../../domain/wal.ts';
import { ownPoints } from '../../domain/whose-point.ts';
import type { Repository, WalArchive } from '../../repository/repository.ts';

export interface WalBase {
  readonly backupId: BackupId;
  readonly record: ComponentRecord;
}

/** `none`: nothing is archived yet. `broken`: the archive goes on, but no recovery point reaches its end. */
export const walStates = ['none', 'continuous', 'broken'] as const;

export interface WalStatus {
  readonly state: (typeof walStates)[number];
  /** Why it is broken, for people. */
  readonly reason: string;
  /** The newest recovery point from which the end of the archive is reached. */
  readonly base: BackupId | null;
  readonly timeline: number;
  readonly endLsn: string | null;
  /** The server's clock when everything that it had written was archived. */
  readonly coveredUntil: string | null;
}

const nothing: WalStatus = {
  state: 'none',
  reason: 'nothing is archived',
  base: null,
  timeline: 0,
  endLsn: null,
  coveredUntil: null,
};

export async function walStatus(repository: Repository, component: string): Promise<WalStatus> {
  const bases = await walBases(repository, component);
  const newest = bases[0];
  const archive = newest === undefined ? undefined : archiveOf(repository, newest.record);
  if (archive === undefined) return nothing;
  const { pieces } = await archive.list();
  const timelines = [...new Set(pieces.map(({ timeline }) => timeline))];
  if (timelines.length === 0) return nothing;
  const current = await currentTimeline(archive, timelines);
  const status = await statusOf(archive, current, pieces, bases);
  if (status.state !== 'broken') return status;
  // Something under a name that leads nowhere must not call for a new base again and again; and what was covered after the
  // first look is there now.
  return statusOf(archive, current, await archive.withSoundEnds((await archive.list()).pieces), bases);
}

async function statusOf(
  archive: WalArchive,
  current: CurrentTimeline,
  pieces: readonly WalPiece[],
  bases: readonly WalBase[],
): Promise<WalStatus> {
  const { timeline, coveredLsn } = current;
  const { history, problem } = await historyOf(archive, timeline);
  const other = bases.findIndex(({ record }) => isOfOther(record, timeline));
  // A base before one that other WAL lies behind leads to what this server never was.
  // What was covered and is not there any more is a hole too.
  const whole = (other === -1 ? bases : bases.slice(0, other)).filter(({ record }) => {
    const reach = reachOf(record, { pieces, history, timeline });
    return reach?.isWhole === true && reach.endLsn >= coveredLsn;
  });
  const base = whole.find(({ record }) => hasTablespaces(record, current.tablespaces));
  return {
    state: base === undefined ? 'broken' : 'continuous',
    reason:
      base !== undefined ? '' : problem || brokenReason(timeline, bases, { whole: whole[0], other: bases[other] }),
    base: base?.backupId ?? null,
    timeline,
    endLsn: endOf(pieces, timeline),
    coveredUntil: current.coveredUntil,
  };
}

/**
 * Where the timeline and those before it left their parents. One that cannot be read leads to bases of its own timeline
 * alone; `problem` says why.
 */
export async function historyOf(
  archive: WalArchive,
  timeline: number,
): Promise<{ readonly history: readonly TimelineSwitch[]; readonly since: string; readonly problem: string }> {
  try {
    const { since = '' } = (await archive.history(timeline)) ?? {};
    return { history: await archive.ancestors(timeline), since, problem: '' };
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
    return { history: [], since: '', problem: error.message };
  }
}

/** Own records of a component that a recovery can begin at, newest first: not suspect, not refuted by their last proof. */
export async function walBases(repository: Repository, component: string): Promise<WalBase[]> {
  const bases: WalBase[] = [];
  for await (const base of newestBases(repository, component)) bases.push(base);
  return bases;
}

/** The same as far as it is asked for: each takes the reading of a point's proofs. */
export async function* newestBases(repository: Repository, component: string): AsyncGenerator<WalBase> {
  const points = ownPoints(await repository.listManifests());
  const proofs = await repository.proofBook();
  for (const manifest of points) {
    const record = manifest.lifeboat.components.find(({ id }) => id === component);
    if (record === undefined || record.suspect || record.kind !== 'postgres') continue;
    // Its base stands in another recovery point.
    if (record.chain !== undefined) continue;
    if (isRefuted(await proofs.state(manifest.timestamp))) continue;
    yield { backupId: manifest.timestamp, record };
  }
}

/** The archive of the cluster that a record was taken of; undefined where the record tells no cluster. */
export function archiveOf(repository: Repository, { id, facts }: ComponentRecord): WalArchive | undefined {
  const { systemIdentifier, walSegmentBytes } = facts;
  if (typeof systemIdentifier !== 'string' || typeof walSegmentBytes !== 'number') return undefined;
  return repository.wal({ component: id, systemId: systemIdentifier, segmentBytes: walSegmentBytes });
}

/** How far a recovery from the record goes. */
export function reachOf(
  record: ComponentRecord,
  line: {
    readonly pieces: Parameters<typeof reachFrom>[1];
    readonly timeline: number;
    readonly history: readonly TimelineSwitch[];
  },
): WalReach | undefined {
  const base = baseEndOf(record);
  return base === undefined ? undefined : reachFrom(base, line.pieces, line.timeline, line.history);
}

interface CurrentTimeline {
  readonly timeline: number;
  readonly coveredUntil: string | null;
  /** Up to where; 0 where the archive does not say. */
  readonly coveredLsn: bigint;
  readonly tablespaces: string | undefined;
}

/** The one that was covered last: after `restore undo` that is an older one. */
export async function currentTimeline(archive: WalArchive, timelines: readonly number[]): Promise<CurrentTimeline> {
  const covered = await Promise.all(
    timelines.map(async (timeline) => {
      const coverage = await archive.coverage(timeline);
      return {
        timeline,
        coveredUntil: coverage?.time ?? null,
        coveredLsn: coverage === undefined ? 0n : parseLsn(coverage.lsn),
        tablespaces: coverage?.tablespaces,
      };
    }),
  );
  return covered.reduce((best, each) => {
    const isLater = (each.coveredUntil ?? '') > (best.coveredUntil ?? '');
    const isEqual = (each.coveredUntil ?? '') === (best.coveredUntil ?? '');
    return isLater || (isEqual && each.timeline > best.timeline) ? each : best;
  });
}

function brokenReason(
  timeline: number,
  bases: readonly WalBase[],
  { whole, other }: { readonly whole: WalBase | undefined; readonly other: WalBase | undefined },
): string {
  const [newest] = bases;
  if (whole !== undefined) return `a tablespace was made or dropped since ${whole.backupId}`;
  if (other !== undefined)
    return `another server, or an older state of this one, archived WAL of timeline ${timeline} where ${other.backupId} lies: give a clone a repository of its own; a restore or a promotion begins a new timeline`;
  if (newest === undefined) return 'there is no recovery point to begin at';
  const { timeline: own } = newest.record.facts;
  return own === timeline
    ? `there is a hole in the archive since ${newest.backupId}`
    : `no recovery point was made on timeline ${timeline} yet, and none before reaches it`;
}

function endOf(pieces: readonly { readonly timeline: number; readonly endLsn: bigint }[], timeline: number): string {
  const ends = pieces.filter((piece) => piece.timeline === timeline).map(({ endLsn }) => endLsn);
  return formatLsn(ends.reduce((most, end) => (end > most ? end : most), 0n));
}
