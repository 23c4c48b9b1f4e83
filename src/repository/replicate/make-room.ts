/**
 * Takes away from a copy what a verification there found damaged, once ours is proven to be whole: the replication then
 * sends it as it sends whatever lacks. What was replaced already stays; what was said of it stands until the next
 * verification there.
 */
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import type { Manifest } from '../../domain/recovery-point.ts';
import type { Storage } from '../../storage/storage.ts';
import { manifestIds, readManifest } from '../catalogue.ts';
import { digestOf } from '../document.ts';
import { layout } from '../layout.ts';
import type { ProofSubject } from '../layout.ts';
import { authenticatePack, type Authenticate } from './copy-objects.ts';
import type { ReplicateContext } from './context.ts';

/** Gives those of the keys that are to be sent. */
export async function makeRoomForPacks(source: Storage, target: Storage, keys: readonly string[]): Promise<string[]> {
  const room: string[] = [];
  for (const key of keys) if (await makeRoom(source, target, key, authenticatePack)) room.push(key);
  return room;
}

/** Manifests and indexes of the points. Gives the points whose indexes are to be looked for there. */
export async function makeRoomForPoints(
  context: ReplicateContext,
  target: Storage,
  refuted: ReadonlySet<ProofSubject>,
): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  if (refuted.size === 0) return manifests;
  for (const id of await manifestIds(context.storage)) {
    if (!refuted.has(id)) continue;
    const manifest = await readManifest(context, id).catch(damagedHere);
    if (manifest === undefined) continue;
    manifests.push(manifest);
    const key = layout.manifest(id);
    const digests = new Map(manifest.backup_files.map(({ path, checksum }) => [path, checksum]));
    digests.set(key, digestOf(await context.storage.read(key)));
    const indexes = manifest.lifeboat.components.map(({ indexId }) => layout.index(indexId));
    // The manifest first: a copy without it claims nothing.
    for (const each of [key, ...indexes]) await makeRoom(context.storage, target, each, authenticBy(digests));
  }
  return manifests;
}

/** Indexes and manifests by the digests that their recovery points name; what none names is let through. */
export function authenticBy(digests: ReadonlyMap<string, string>): Authenticate {
  return (key, bytes) => {
    const expected = digests.get(key);
    if (expected !== undefined && expected !== digestOf(bytes))
      throw new LifeboatError('ObjectCorrupt', `object ${key} is not the one that its recovery point names`);
  };
}

/** True where it is to be sent: it is not whole there, and ours is. */
async function makeRoom(source: Storage, target: Storage, key: string, authenticate: Authenticate): Promise<boolean> {
  if (await isWhole(target, key, authenticate)) return false;
  if (!(await isWhole(source, key, authenticate))) return false;
  await target.remove(key);
  return true;
}

async function isWhole(storage: Storage, key: string, authenticate: Authenticate): Promise<boolean> {
  try {
    authenticate(key, await storage.read(key));
    return true;
  } catch (error) {
    return damagedHere(error) ?? false;
  }
}

function damagedHere(error: unknown): undefined {
  const codes = ['ObjectCorrupt', 'ObjectMissing', 'ManifestInvalid'] as const;
  if (codes.some((code) => isLifeboatError(error, code))) return undefined;
  throw error;
}
