/** Sealing: the manifest is the last object of a backup, and the only one that makes it a recovery point. */
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import { manifestFormat, timeOfBackupId } from '../domain/recovery-point.ts';
import type {
  BackupFile,
  BackupId,
  ComponentRecord,
  Manifest,
  ManifestBody,
  StandingRefutation,
} from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import { listManifests, manifestIds, manifestNow, readManifest } from './catalogue.ts';
import { digestOf, isUnreadable } from './document.ts';
import type { Expiries } from './expiry.ts';
import type { Opener } from './frame.ts';
import { inLanes } from '../domain/in-lanes.ts';
import { smallAtOnce } from './at-once.ts';
import { readIndexHead } from './index-object.ts';
import { assertBackupId, layout } from './layout.ts';
import { lostPoints } from './lost-points.ts';
import type { ManifestCache } from './manifest-cache.ts';
import { encodeManifest, isAuthenticManifest } from './manifest.ts';
import { digestOfObject } from './object-digest.ts';
import { ownObjects } from './own-objects.ts';
import type { SealInput } from './repository.ts';
import { putRescueScripts } from './rescue/scripts.ts';
import { sizesOf } from './sizes.ts';
import { standingRefutations } from './standing-refutations.ts';
import type { ProofContext } from './proof-types.ts';
import type { ManifestListing } from './manifest-listing.ts';

interface Context extends ProofContext {
  readonly id: string;
  readonly opener: Opener;
  readonly cache: ManifestCache;
  readonly expiries: Expiries;
}

/** Idempotent: sealing the same components under the same id again returns the manifest that stands. */
export async function sealManifest(context: Context, input: SealInput): Promise<Manifest> {
  const { storage, secrets } = context;
  const { timestamp, body } = input;
  assertBackupId(timestamp);
  const standing = await sameManifest(context, input);
  if (standing !== undefined) return standing;
  const files = await storedFiles(context, body.components);
  await putRescueScripts(context);
  await assertNoneTombstoned(storage, files);
  const previous = await predecessor(context, timestamp);
  const listings = await listManifests(context);
  const manifest: Manifest = {
    timestamp,
    datetime: (timeOfBackupId(timestamp) ?? new Date(0)).toISOString(),
    success: body.failures.length === 0,
    backup_files: files,
    total_size: files.reduce((sum, { size }) => sum + size, 0),
    configuration: input.configuration,
    lifeboat: {
      format: manifestFormat,
      repositoryId: context.id,
      ...body,
      sealedAt: (await storage.now()).toISOString(),
      skewSeconds: skewSeconds(body.components),
      sequence: nextSequence(listings),
      previous,
      ...(await missingBefore(context, listings)),
      ...(await refutedBefore(context, previous?.timestamp)),
    },
  };
  const key = layout.manifest(timestamp);
  const bytes = encodeManifest(manifest, secrets);
  if ((await storage.putIfAbsent(key, bytes)) === 'exists') {
    const faster = await sameManifest(context, input);
    if (faster !== undefined) return faster;
  }
  if (!Buffer.from(await storage.read(key)).equals(bytes))
    throw new LifeboatError('ObjectCorrupt', `${key}, read back at once, is not what was written`);
  // What it names counts from now on.
  const { version = '' } = (await storage.stat(key)) ?? {};
  return (await manifestNow(context, timestamp, version)).manifest;
}

/** A manifest never changes: one that stands under the id is either this seal's, or the id is taken. */
async function sameManifest(context: Context, { timestamp, body }: SealInput): Promise<Manifest | undefined> {
  if ((await context.storage.stat(layout.manifest(timestamp))) === undefined) return undefined;
  const standing = await readManifest(context, timestamp);
  const idsOf = (components: ManifestBody['components']): string =>
    JSON.stringify(components.map(({ id, indexId }) => [id, indexId]));
  if (idsOf(standing.lifeboat.components) === idsOf(body.components)) return standing;
  throw new LifeboatError('Precondition', `recovery point ${timestamp} is sealed already, with other content`);
}

/** Every object that the point needs, each once; each is there with its size before it is promised. */
async function storedFiles(
  { storage, opener }: Context,
  components: readonly ComponentRecord[],
): Promise<BackupFile[]> {
  const heads = await inLanes(smallAtOnce, components, async (component) => ({
    component,
    head: await readIndexHead(storage, component.indexId, opener),
  }));
  const there = await sizesOf(
    storage,
    heads.flatMap(({ head }) => [...head.packs.values()].map(({ id }) => layout.pack(id))),
  );
  const files = new Map<string, BackupFile>();
  for (const { component, head } of heads) {
    const path = layout.index(component.indexId);
    const { component: owner, packs } = head;
    if (owner !== component.id)
      throw new LifeboatError(
        'ManifestInvalid',
        `index ${component.indexId} is of component ${owner}, not ${component.id}`,
      );
    files.set(path, { filename: component.indexId, path, ...(await digestOfObject(storage, path)) });
    for (const { id, size } of packs.values()) {
      const packPath = layout.pack(id);
      if (files.has(packPath)) continue;
      const found = there.get(packPath);
      if (found === undefined)
        throw new LifeboatError('ObjectMissing', `object ${packPath} of component ${component.id} is gone`, {
          component: component.id,
        });
      if (found !== size)
        throw new LifeboatError('ObjectCorrupt', `object ${packPath} has ${found} bytes, ${size} were written`, {
          component: component.id,
        });
      files.set(packPath, { filename: id, path: packPath, size, checksum: id });
    }
  }
  return [...files.values()];
}

/** The last look: what a collector marked meanwhile must not be promised. Running the backup again stores it anew. */
async function assertNoneTombstoned(storage: Storage, files: readonly BackupFile[]): Promise<void> {
  const needed = new Set(files.map(({ path }) => layout.tombstone(path)));
  // Those of manifests stay for ever and are none of them.
  for (const folder of [layout.packs, layout.indexes])
    for await (const { key } of ownObjects(storage, layout.tombstone(folder)))
      if (needed.has(key))
        throw new LifeboatError(
          'ObjectMissing',
          `object ${key.slice(layout.tombstones.length)} was marked for removal while this backup ran`,
          { hint: 'run the backup again: it stores the object anew' },
        );
}

/** The newest before it that can be read: the digest of a damaged one would speak against it when it is whole again. */
async function predecessor(context: Context, timestamp: string): Promise<ManifestBody['previous']> {
  const earlier = (await manifestIds(context.storage)).filter((id) => id < timestamp);
  for (const id of earlier.reverse()) {
    const bytes = await context.storage.read(layout.manifest(id)).catch(unlessUnreadable);
    if (bytes !== undefined && isAuthenticManifest(id, bytes, context))
      return { timestamp: id, digest: digestOf(bytes) };
    context.warn(`manifest ${id} is damaged; the chain of manifests goes on from an older one`);
  }
  return null;
}

/** Dates depend on clocks; this order does not. */
function nextSequence(listings: readonly ManifestListing[]): number {
  const numbers = listings.map(({ manifest }) => manifest?.lifeboat.sequence ?? 0);
  // In an open repository anybody can write one.
  return Math.min(numbers.reduce((most, each) => Math.max(most, each), 0) + 1, Number.MAX_SAFE_INTEGER);
}

function unlessUnreadable(error: unknown): undefined {
  if (!isUnreadable(error)) throw error;
  return undefined;
}

/** So many are named; more at once are no matter of a manifest. */
const maxMissing = 100;

/** What is gone and what no other manifest shows to be gone: from now on this one does. */
async function missingBefore(
  context: Context,
  listings: readonly ManifestListing[],
): Promise<Pick<ManifestBody, 'missing'>> {
  const lost = await lostPoints(context, { reports: 'recent' });
  if (lost.length === 0) return {};
  const told = new Set(listings.map(({ timestamp }) => timestamp));
  const missing = lost
    .filter(({ isGone }) => isGone === true)
    .map(({ timestamp }) => timestamp)
    .filter((id) => !told.has(id));
  return missing.length === 0 ? {} : { missing: missing.slice(0, maxMissing) };
}

/** As well what the one before it names: so what speaks against a point is carried on from manifest to manifest. */
async function refutedBefore(context: Context, previous: BackupId | undefined): Promise<Pick<ManifestBody, 'refuted'>> {
  const refuted = await standingRefutations(context, previous === undefined ? [] : await namedBy(context, previous));
  return refuted.length === 0 ? {} : { refuted };
}

async function namedBy(context: Context, id: BackupId): Promise<readonly StandingRefutation[]> {
  try {
    return (await readManifest(context, id)).lifeboat.refuted ?? [];
  } catch (error) {
    // It authenticates, so a newer version wrote it; what that names is not for us to read.
    if (!isLifeboatError(error, 'FormatTooNew')) throw error;
    return [];
  }
}

function skewSeconds(components: readonly ComponentRecord[]): number {
  if (components.length === 0) return 0;
  const from = Math.min(...components.map(({ capturedFrom }) => Date.parse(capturedFrom)));
  const until = Math.max(...components.map(({ capturedUntil }) => Date.parse(capturedUntil)));
  return Math.max(0, (until - from) / 1000);
}
