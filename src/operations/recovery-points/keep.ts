/** What keeps a recovery point, brings it back, or gives it up: asked by people, in this process. */
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import type { BackupId } from '../../domain/recovery-point.ts';
import { layout } from '../../repository/layout.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Storage } from '../../storage/storage.ts';
import { lostOf } from './lost.ts';

type Hold = Awaited<ReturnType<Repository['listHolds']>>[number];

/** Retention keeps it and what it needs, everywhere. NotFound, Ambiguous. Gives the whole id. */
export async function holdPoint(repository: Repository, at: string, by: string, reason: string): Promise<BackupId> {
  const { timestamp } = await repository.findManifest(at);
  await repository.hold({ backupId: timestamp, by, reason });
  return timestamp;
}

/** Ends a hold, also where the copies were told of it. NotFound. Gives what it was. */
export async function releasePoint(
  repository: Repository,
  copies: readonly (() => Promise<Repository>)[],
  id: BackupId,
): Promise<Hold> {
  const held = (await repository.listHolds()).find(({ backupId }) => backupId === id);
  if (held === undefined) throw new LifeboatError('NotFound', `\`${id}\` is not held`);
  // The repository last: until then it can be asked again.
  for (const copy of copies) await (await copy()).releaseHold(id);
  await repository.releaseHold(id);
  return held;
}

export interface RecallOptions {
  readonly repository: Repository;
  readonly id: BackupId;
  readonly by: string;
  /** Where a copy may hold it; empty for a point of a copy. */
  readonly locations: readonly { readonly name: string; readonly open: () => Promise<Storage> }[];
  /** Told of a location that does not answer. */
  readonly onWarning: (text: string) => void;
}

/** Brings back what retention took, from its tombstone within the grace of collection; else from a copy that holds it. */
export async function recallPoint({ repository, id, by, locations, onWarning }: RecallOptions): Promise<void> {
  const copies: Storage[] = [];
  for (const { name, open } of locations) {
    try {
      const copy = await open();
      // One that does not answer must not keep the others from being asked.
      await copy.stat(layout.repository);
      copies.push(copy);
    } catch (error) {
      if (!isLifeboatError(error)) throw error;
      onWarning(`location ${name} was not asked: ${error.message}`);
    }
  }
  await repository.unexpire(id, by, copies);
}

/** The loss of the point is told no more. NotFound where nothing tells of it. */
export async function giveUpPoint(repository: Repository, id: BackupId, by: string, reason: string): Promise<void> {
  const known = await repository.listManifests();
  const lost = await lostOf(repository, { reports: 'all' });
  if (![...known, ...lost].some(({ timestamp }) => timestamp === id))
    throw new LifeboatError('NotFound', `nothing tells of a recovery point \`${id}\``);
  await repository.giveUp(id, by, reason);
}
