/** Finds a component's record in the recovery points of a repository. */
import { LifeboatError } from '../../domain/errors.ts';
import type { ComponentRecord } from '../../domain/recovery-point.ts';
import { ownPoints } from '../../domain/whose-point.ts';
import type { Repository } from '../../repository/repository.ts';
import type { ManifestListing } from '../../repository/manifest-listing.ts';

/** The record of a component in one recovery point. NotFound. */
export async function recordOf(repository: Repository, backupId: string, component: string): Promise<ComponentRecord> {
  const manifest = await repository.findManifest(backupId);
  const record = manifest.lifeboat.components.find(({ id }) => id === component);
  if (record === undefined)
    throw new LifeboatError('NotFound', `recovery point ${backupId} holds no component \`${component}\``, {
      component,
    });
  return record;
}

/** The newest own record of a component, whatever else its recovery point lacks: the parent for deduplication. */
export async function newestRecord(repository: Repository, component: string): Promise<ComponentRecord | undefined> {
  return newestIn(await repository.listManifests(), component);
}

/** The same, among manifests that were read already. */
export function newestIn(listings: readonly ManifestListing[], component: string): ComponentRecord | undefined {
  for (const manifest of ownPoints(listings)) {
    const record = manifest.lifeboat.components.find(({ id }) => id === component);
    if (record !== undefined) return record;
  }
  return undefined;
}
