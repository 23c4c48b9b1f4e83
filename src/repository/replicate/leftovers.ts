/**
 * Packs in a copy that no point there names: what an attempt left that was cut off. The disk of the copy may have lost
 * their content, so that they are digested where the place does that itself.
 */
import { LifeboatError } from '../../domain/errors.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import type { BackupId } from '../../domain/recovery-point.ts';
import type { ObjectInfo, Storage } from '../../storage/storage.ts';
import { largeAtOnce } from '../at-once.ts';
import { readManifest } from '../catalogue.ts';
import type { ReplicateContext } from './context.ts';

export interface Leftovers {
  /** The packs there, by key. */
  readonly standing: ReadonlyMap<string, ObjectInfo>;
  readonly pointsThere: ReadonlySet<BackupId>;
  readonly signal: AbortSignal | undefined;
}

/** Keys of those whose content is not what their name says; none where the place cannot digest. */
export async function damagedLeftovers(
  context: ReplicateContext,
  target: Storage,
  { standing, pointsThere, signal }: Leftovers,
): Promise<string[]> {
  if (target.sha256 === undefined) return [];
  const leftovers = new Map(standing);
  // The newest names most of what the next one shares with those before it.
  for (const id of [...pointsThere].toSorted().reverse()) {
    if (leftovers.size === 0) return [];
    const manifest = await readManifest(context, id).catch((error: unknown) => {
      if (!(error instanceof LifeboatError)) throw error;
      return undefined;
    });
    for (const { path } of manifest?.backup_files ?? []) leftovers.delete(path);
  }
  const damaged = await inLanes(largeAtOnce, leftovers.values(), async (object): Promise<string[]> => {
    signal?.throwIfAborted();
    const digest = await context.documents.read(object, async () => target.sha256?.(object.key));
    return digest === undefined || object.key.endsWith(`/${digest}`) ? [] : [object.key];
  });
  return damaged.flat();
}
