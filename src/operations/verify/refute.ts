/** Writes beside a recovery point what was found against it by a look at something else than this point alone. */
import { isLifeboatError } from '../../domain/errors.ts';
import { isRefuted, type BackupId } from '../../domain/recovery-point.ts';
import type { Reread } from '../../repository/check/reread.ts';
import { layout } from '../../repository/layout.ts';
import { unreadableManifest } from '../../repository/refutations.ts';
import type { Repository } from '../../repository/repository.ts';
import type { BrokenChain } from '../wal/chain.ts';

/**
 * Points whose manifest is damaged: a replication sends it again to a copy, once that is told. One that is not there yet,
 * was not answered, or is of a newer version is none of them.
 */
export async function refuteUnreadable(repository: Repository): Promise<BackupId[]> {
  const refuted: BackupId[] = [];
  for (const { manifest, timestamp, isGone, problem = '' } of await repository.listManifests()) {
    if (manifest !== undefined || isGone === true || isRefuted(await repository.pointState(timestamp))) continue;
    const error: unknown = await repository.findManifest(timestamp).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!isLifeboatError(error, 'ManifestInvalid', 'ObjectCorrupt')) continue;
    await putRefutation(repository, timestamp, [problem], [], { [unreadableManifest]: true });
    refuted.push(timestamp);
  }
  return refuted;
}

/** Points that damage touches, for whom it was not told yet. The newest is verified anyway, and says more itself. */
export async function refute(
  repository: Repository,
  damage: Pick<Reread, 'damagedPacks' | 'damagedIndexes'>,
  newest: BackupId | undefined,
): Promise<BackupId[]> {
  const refuted: BackupId[] = [];
  for (const { manifest } of await repository.listManifests()) {
    if (manifest === undefined || manifest.timestamp === newest) continue;
    const paths = new Set(manifest.backup_files.map(({ path }) => path));
    const packs = damage.damagedPacks.filter((id) => paths.has(layout.pack(id)));
    const indexes = damage.damagedIndexes.filter((key) => paths.has(key));
    const problems = [...packs.map((id) => `pack ${id} is damaged`), ...indexes.map((key) => `${key} is damaged`)];
    if (problems.length === 0 || (await isTold(repository, manifest.timestamp, packs))) continue;
    await putRefutation(repository, manifest.timestamp, problems, packs);
    refuted.push(manifest.timestamp);
  }
  return refuted;
}

/** Gives the points. */
export async function refuteChains(repository: Repository, chains: readonly BrokenChain[]): Promise<BackupId[]> {
  for (const { id, problems } of chains) await putRefutation(repository, id, problems, []);
  return chains.map(({ id }) => id);
}

export function brokenTexts({ id, problems }: BrokenChain): string[] {
  return problems.map((problem) => `${id}: ${problem}`);
}

export async function putRefutation(
  repository: Repository,
  id: BackupId,
  problems: readonly string[],
  damagedPacks: readonly string[],
  more: Readonly<Record<string, boolean>> = {},
): Promise<void> {
  await repository.putProof(id, {
    ...more,
    kind: 'verify',
    levels: ['L1'],
    ok: false,
    state: 'failed',
    problemCount: problems.length,
    problems,
    damagedPacks,
  });
}

/** Refuted for these packs: for another reason is not enough, for a proof that lifts that one would make it good again. */
async function isTold(repository: Repository, id: BackupId, packs: readonly string[]): Promise<boolean> {
  if (!isRefuted(await repository.pointState(id))) return false;
  const { proofs } = await repository.knownProofs(id);
  return proofs.some(
    ({ ok, damagedPacks: told }) => ok === false && Array.isArray(told) && packs.every((pack) => told.includes(pack)),
  );
}
