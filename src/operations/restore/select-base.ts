/** The recovery point that a database's recovery to a moment begins at, and how far archived WAL leads from each. */
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import { formatLsn, parseLsn } from '../../domain/lsn.ts';
import type { Moment } from '../../domain/restore/target.ts';
import type { BackupId } from '../../domain/recovery-point.ts';
import {
  baseEndOf,
  isOfOther,
  hasTablespaces,
  isOnLine,
  type BaseEnd,
  type TimelineSwitch,
  type WalPiece,
  type WalReach,
} from '../../domain/wal.ts';
import { foreignHint } from '../../domain/whose-point.ts';
import type { Repository, WalArchive } from '../../repository/repository.ts';
import { archiveOf, historyOf, reachOf, walBases, type WalBase } from '../wal/continuity.ts';
import type { Artefact } from './artefact.ts';

interface Timeline {
  readonly timeline: number;
  readonly history: readonly TimelineSwitch[];
  /** When the archive met it, ISO 8601; empty for the first one. */
  readonly since: string;
  readonly coveredUntil: string;
  /** Up to where; undefined where the archive does not say. */
  readonly coveredLsn?: bigint;
  /** Oids of the server's tablespaces then; absent where the archive does not say. */
  readonly tablespaces?: string;
}

/** A base with the stretch of time and positions that it leads over, on one timeline. */
interface Way {
  readonly base: WalBase;
  readonly from: BaseEnd;
  readonly line: Timeline;
  readonly reach: WalReach;
  /** ISO 8601 by the server's clock; empty where it is not known. */
  readonly until: string;
}

/** NotFound without any base; Precondition, with what can be reached, where the moment is outside of it. */
export async function baseFor(repository: Repository, component: string, goal: Moment, at: string): Promise<Artefact> {
  const bases = await basesAt(repository, component, at);
  const [newest] = bases;
  if (newest === undefined)
    throw new LifeboatError('NotFound', `no usable recovery point holds \`${component}\``, { component });
  const archive = archiveOf(repository, newest.record);
  const { timeline } = goal;
  const ways = archive === undefined ? [] : liveFirst(await waysOf(archive, bases, timeline));
  switch (goal.kind) {
    case 'latest':
      return latest(timeline === undefined ? newest : bases.find((each) => isOn(each, timeline)), ways, component);
    case 'time':
      return toTime(goal.value, ways, component);
    case 'lsn':
      return toPosition(goal.value, ways, component, archive);
    case 'name': {
      const way = ways.find(({ reach }) => reach.isWhole) ?? ways[0];
      if (way === undefined) throw unreachable(`name \`${goal.value}\``, ways, component);
      return artefact(way, goal.kind, goal.value, way.base.record.capturedUntil);
    }
  }
}

/** All of them, or the one that was asked for. */
async function basesAt(repository: Repository, component: string, at: string): Promise<WalBase[]> {
  const bases = await walBases(repository, component);
  if (at === 'latest') return bases;
  const { timestamp } = await repository.findManifest(at, [component]);
  const found = bases.filter(({ backupId }) => backupId === timestamp);
  if (found.length > 0) return found;
  const { foreign } = (await repository.listManifests()).find((listing) => listing.timestamp === timestamp) ?? {};
  const text =
    foreign === undefined
      ? `has no usable copy of \`${component}\``
      : `is of the appliance \`${foreign}\`; a moment is reached from own ones alone`;
  throw new LifeboatError('Precondition', `recovery point ${timestamp} ${text}`, {
    component,
    ...(foreign === undefined ? {} : { hint: foreignHint }),
  });
}

/**
 * The timeline that was covered last before the others: after `restore undo` that is an older one, and positions and
 * names of the abandoned one mean something else there.
 */
function liveFirst(ways: readonly Way[]): Way[] {
  const live = ways.reduce<Way | undefined>(
    (best, way) => (best === undefined || way.line.coveredUntil > best.line.coveredUntil ? way : best),
    undefined,
  );
  return [...ways.filter(({ line }) => line === live?.line), ...ways.filter(({ line }) => line !== live?.line)];
}

/** Newest base first; of each its newest timeline first, or the one that is asked for. */
async function waysOf(archive: WalArchive, bases: readonly WalBase[], asked: number | undefined): Promise<Way[]> {
  const pieces = await archive.withSoundEnds((await archive.list()).pieces);
  const all = [...new Set(pieces.map(({ timeline }) => timeline))].sort((a, b) => b - a);
  const timelines = asked === undefined ? all : all.filter((timeline) => timeline === asked);
  const lines = await Promise.all(timelines.map(async (timeline) => lineOf(archive, timeline, timelines.length === 1)));
  const ways: Way[] = [];
  for (const base of bases) {
    const from = baseEndOf(base.record);
    if (from === undefined) continue;
    for (const line of lines) {
      const reach = reachOf(base.record, { pieces, ...line });
      if (reach === undefined || reach.timeline !== line.timeline) continue;
      // What was covered and is not there any more is no part of it.
      const until =
        reach.isWhole && reach.endLsn >= (line.coveredLsn ?? 0n)
          ? line.coveredUntil
          : await untilOf(
              archive,
              pieces.filter((piece) => piece.timeline === reach.timeline && piece.endLsn === reach.endLsn),
            );
      // From the base on that other WAL lies behind, all on this line is of another server.
      const other = bases.slice(0, bases.indexOf(base)).findLast(({ record }) => isOfOther(record, line.timeline));
      const limit = other?.record.capturedFrom;
      ways.push({ base, from, line, reach, until: limit !== undefined && limit < until ? limit : until });
    }
  }
  return ways;
}

/**
 * ObjectCorrupt where its history cannot be read and others may hold the moment too: which of them was live then nobody
 * knows, and an abandoned one must not be taken in silence.
 */
async function lineOf(archive: WalArchive, timeline: number, isOnly: boolean): Promise<Timeline> {
  const { history, since, problem } = await historyOf(archive, timeline);
  if (problem !== '' && !isOnly)
    throw new LifeboatError('ObjectCorrupt', problem, {
      component: archive.source.component,
      hint: 'take a recovery point as it is with `--at ID`, or name the timeline with `--timeline`; the server writes the history anew while it is archived',
    });
  const { time = '', lsn, tablespaces } = (await archive.coverage(timeline)) ?? {};
  return {
    timeline,
    history,
    since,
    coveredUntil: time,
    ...(lsn === undefined ? {} : { coveredLsn: parseLsn(lsn) }),
    ...(tablespaces === undefined ? {} : { tablespaces }),
  };
}

/** The server's clock at the end of one of the pieces, which hold the same; empty where none can be read. */
async function untilOf(archive: WalArchive, pieces: readonly WalPiece[]): Promise<string> {
  for (const piece of pieces)
    try {
      return (await archive.read(piece)).until;
    } catch (error) {
      if (!isLifeboatError(error, 'ObjectCorrupt', 'ObjectMissing')) throw error;
    }
  return '';
}

/** Also where nothing is archived: then what the live server's own disk still has is replayed. */
function latest(newest: WalBase | undefined, ways: readonly Way[], component: string): Artefact {
  const current = ways.reduce<Way | undefined>(
    (best, way) => (best === undefined || way.until > best.until ? way : best),
    undefined,
  );
  const onLine = ways.filter(({ line }) => line === current?.line);
  const way = onLine.find(({ base, line, reach }) => !reach.isWhole || hasTablespaces(base.record, line.tablespaces));
  if (way === undefined && onLine[0] !== undefined) throw tablespaceChanged(onLine[0].base.backupId, component);
  if (way !== undefined && (newest === undefined || way.base === newest || way.until > newest.record.capturedUntil))
    return artefact(way, 'latest', '', way.until);
  if (newest === undefined) throw unreachable('the latest of the timeline', ways, component);
  const { capturedUntil } = newest.record;
  const end = baseEndOf(newest.record);
  if (end === undefined) return { ...newest, moment: capturedUntil };
  const wal = { kind: 'latest', value: '', timeline: end.timeline, endLsn: formatLsn(end.stopLsn) } as const;
  return { ...newest, wal, moment: capturedUntil };
}

function tablespaceChanged(base: BackupId, component: string): LifeboatError {
  return new LifeboatError(
    'Precondition',
    `a tablespace of ${component} was made or dropped since the recovery point ${base}: the WAL that says so cannot be replayed beside the live server`,
    {
      component,
      hint: 'run `lifeboat backups run` first, which takes a new base; or choose a moment before it: --to-time',
    },
  );
}

function isOn({ record }: WalBase, timeline: number): boolean {
  return baseEndOf(record)?.timeline === timeline;
}

function toTime(value: string, ways: readonly Way[], component: string): Artefact {
  const time = new Date(value).toISOString();
  const holding = ways.filter(
    ({ base, line, until }) => line.since <= time && base.record.capturedUntil <= time && time <= until,
  );
  // Where several hold it, the last that began was live; one that was abandoned holds nothing after its end.
  const [first] = holding;
  if (first === undefined) throw unreachable(time, ways, component);
  const way = holding.reduce((best, each) => (each.line.since > best.line.since ? each : best), first);
  return artefact(way, 'time', value, time);
}

async function toPosition(
  value: string,
  ways: readonly Way[],
  component: string,
  archive: WalArchive | undefined,
): Promise<Artefact> {
  const position = parseLsn(value);
  const way = ways.find(({ from, reach }) => from.stopLsn <= position && position <= reach.endLsn);
  if (way === undefined || archive === undefined) throw unreachable(`position ${value}`, ways, component);
  const { pieces } = await archive.list();
  // Another timeline may have the position too.
  const holding = pieces.filter(
    (piece) => piece.startLsn <= position && position < piece.endLsn && isOnLine(piece, way.from, way.line),
  );
  const moment = await untilOf(archive, holding);
  return artefact(way, 'lsn', value, moment === '' ? way.until : moment);
}

function artefact(
  { base, line, reach }: Way,
  kind: 'time' | 'lsn' | 'name' | 'latest',
  value: string,
  moment: string,
): Artefact {
  const wal = { kind, value, timeline: line.timeline, endLsn: formatLsn(reach.endLsn) };
  return { ...base, wal, moment };
}

function unreachable(what: string, ways: readonly Way[], component: string): LifeboatError {
  const spans = ways
    .map(({ base, from, reach, until }) => ({
      from: base.record.capturedUntil,
      fromLsn: formatLsn(from.stopLsn),
      until,
      untilLsn: formatLsn(reach.endLsn),
    }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  const [first] = spans;
  const last = spans.reduce<(typeof spans)[number] | undefined>(
    (best, span) => (best === undefined || span.until > best.until ? span : best),
    undefined,
  );
  const text =
    first === undefined || last === undefined
      ? 'no WAL is archived behind any recovery point'
      : `from ${first.from} (${first.fromLsn}) to ${last.until} (${last.untilLsn}), without what lies between the end of one stretch and the next recovery point`;
  return new LifeboatError('Precondition', `${component} cannot be restored to ${what}; what can be: ${text}`, {
    component,
    hint: 'choose a moment within, or a recovery point as it is with `--at ID`; `lifeboat backups list` shows them',
  });
}
