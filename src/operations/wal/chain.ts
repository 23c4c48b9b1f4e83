/** The archived WAL behind a record that is a position on an older base. */
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import { formatLsn, parseLsn } from '../../domain/lsn.ts';
import type { BackupId, Chain, ComponentRecord } from '../../domain/recovery-point.ts';
import {
  baseEndOf,
  bySegment,
  piecesBetween,
  reachFrom,
  type BaseEnd,
  type TimelineSwitch,
  type WalPiece,
} from '../../domain/wal.ts';
import type { Repository, WalArchive } from '../../repository/repository.ts';
import { archiveOf, historyOf } from './continuity.ts';

interface OpenChain {
  readonly chain: Chain;
  readonly archive: WalArchive;
  readonly base: BaseEnd;
  readonly pieces: readonly WalPiece[];
  readonly history: readonly TimelineSwitch[];
}

/** ObjectMissing where the archive lacks something between base and end; looks at names alone. */
export async function requireChain(repository: Repository, backupId: string, record: ComponentRecord): Promise<void> {
  const opened = await openChain(record, (each) => archiveOf(repository, each));
  const problem = opened === undefined ? undefined : holeIn(opened);
  if (problem === undefined) return;
  throw new LifeboatError('ObjectMissing', `${record.id}: ${problem}`, {
    component: record.id,
    hint: `choose an older recovery point than ${backupId}, or the base itself: \`--at ${record.chain?.base ?? ''}\``,
  });
}

export interface ChainCheck {
  readonly objects: number;
  readonly bytes: number;
  /** In words, with their code. */
  readonly problems: readonly string[];
}

/** By names, and with `read` every piece; nothing where the record has no chain. */
export async function checkChain(
  repository: Repository,
  record: ComponentRecord,
  { read, signal }: { readonly read: boolean; readonly signal: AbortSignal },
): Promise<ChainCheck> {
  const opened = await openChain(record, (each) => archiveOf(repository, each));
  if (opened === undefined) return { objects: 0, bytes: 0, problems: [] };
  const { archive, chain, base, pieces, history } = opened;
  const hole = holeIn(opened);
  const missing = hole === undefined ? [] : [`${record.id}: ObjectMissing: ${hole}`];
  if (!read) return { objects: 0, bytes: 0, problems: missing };
  const sound: WalPiece[] = [];
  const damaged: string[] = [];
  const needed = piecesBetween(base, endOf(chain), { pieces, history });
  for (const parts of bySegment(needed, archive.source.segmentBytes)) {
    signal.throwIfAborted();
    const found = await archive.sound(parts);
    sound.push(...found.sound);
    damaged.push(...found.damaged.map(({ error }) => `${record.id}: ${error.code}: ${error.message}`));
  }
  // Beside one that is damaged others may hold the same: a restore reads those.
  const isWhole = hole === undefined && holeIn({ ...opened, pieces: sound }) === undefined;
  const bytes = sound.reduce((sum, { startLsn, endLsn }) => sum + Number(endLsn - startLsn), 0);
  return { objects: sound.length, bytes, problems: isWhole ? [] : [...missing, ...damaged] };
}

export interface BrokenChain {
  readonly id: BackupId;
  readonly component: string;
  /** In words, with their code. */
  readonly problems: readonly string[];
}

/** The broken chains of all points, by names: each archive is listed once, and what then seems to lack is looked for again by itself. */
export async function brokenChains(repository: Repository, signal?: AbortSignal): Promise<BrokenChain[]> {
  const archives = new Map<string, WalArchive | undefined>();
  const remembered = (record: ComponentRecord): WalArchive | undefined => {
    const key = JSON.stringify([record.id, record.facts['systemIdentifier']]);
    if (!archives.has(key)) archives.set(key, remembering(archiveOf(repository, record)));
    return archives.get(key);
  };
  const broken: BrokenChain[] = [];
  for (const { manifest } of await repository.listManifests())
    for (const record of manifest?.lifeboat.components ?? []) {
      signal?.throwIfAborted();
      if (manifest === undefined || (await problemsOf(record, remembered)).length === 0) continue;
      const problems = await problemsOf(record, (each) => archiveOf(repository, each));
      const isThere = (await repository.listManifests()).some(({ timestamp }) => timestamp === manifest.timestamp);
      if (problems.length > 0 && isThere) broken.push({ id: manifest.timestamp, component: record.id, problems });
    }
  return broken;
}

async function problemsOf(
  record: ComponentRecord,
  archiveFor: (record: ComponentRecord) => WalArchive | undefined,
): Promise<string[]> {
  try {
    const opened = await openChain(record, archiveFor);
    const hole = opened === undefined ? undefined : holeIn(opened);
    return hole === undefined ? [] : [`${record.id}: ObjectMissing: ${hole}`];
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectCorrupt', 'ObjectMissing')) throw error;
    return [`${record.id}: ${error.code}: ${error.message}`];
  }
}

/** Asks for names and histories once. */
function remembering(archive: WalArchive | undefined): WalArchive | undefined {
  if (archive === undefined) return undefined;
  return {
    ...archive,
    list: once(async () => archive.list()),
    history: once(async (timeline: number) => archive.history(timeline)),
    ancestors: once(async (timeline: number) => archive.ancestors(timeline)),
  };
}

function once<Asked extends readonly unknown[], Answer>(
  ask: (...asked: Asked) => Promise<Answer>,
): (...asked: Asked) => Promise<Answer> {
  const answers = new Map<string, Promise<Answer>>();
  return async (...asked) => {
    const key = asked.join();
    const answer = answers.get(key) ?? ask(...asked);
    answers.set(key, answer);
    return answer;
  };
}

async function openChain(
  record: ComponentRecord,
  archiveFor: (record: ComponentRecord) => WalArchive | undefined,
): Promise<OpenChain | undefined> {
  const { chain } = record;
  if (chain === undefined) return undefined;
  const archive = archiveFor(record);
  const base = baseEndOf(record);
  if (archive === undefined || base === undefined) return undefined;
  const { pieces } = await archive.list();
  // Of another timeline than its base's nothing leads to the position without the history.
  const history =
    chain.timeline === base.timeline
      ? (await historyOf(archive, chain.timeline)).history
      : await archive.ancestors(chain.timeline);
  return { chain, archive, base, pieces, history };
}

function holeIn({ chain, base, pieces, history }: OpenChain): string | undefined {
  const reach = reachFrom(base, pieces, chain.timeline, history);
  const end = endOf(chain);
  if (reach?.timeline === end.timeline && reach.endLsn >= end.endLsn) return undefined;
  const to = reach === undefined ? formatLsn(base.stopLsn) : `${formatLsn(reach.endLsn)} (timeline ${reach.timeline})`;
  return `archived WAL leads from its base ${chain.base} to ${to} only, ${chain.endLsn} (timeline ${chain.timeline}) is needed`;
}

function endOf({ timeline, endLsn }: Chain): { readonly timeline: number; readonly endLsn: bigint } {
  return { timeline, endLsn: parseLsn(endLsn) };
}
