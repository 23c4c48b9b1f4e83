/** Which recovery points there are. Read from storage every time: nothing else knows. */
import { LifeboatError, isLifeboatError } from '../domain/errors.ts';
import { isRefuted, type BackupId, type Manifest } from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import { digestOf } from './document.ts';
import { backupIdOfManifestKey, layout } from './layout.ts';
import { decodeManifest } from './manifest.ts';
import { pointState } from './proofs.ts';
import type { ManifestListing } from './repository.ts';
import type { Secrets } from './secrets.ts';

interface Context {
  readonly storage: Storage;
  readonly id: string;
  readonly secrets: Secrets | undefined;
}

type FindContext = Context & { readonly warn: (message: string) => void };

export async function manifestIds(storage: Storage): Promise<BackupId[]> {
  const ids: BackupId[] = [];
  for await (const { key } of storage.list(layout.manifests)) {
    const id = backupIdOfManifestKey(key);
    if (id !== undefined) ids.push(id);
  }
  return ids.sort();
}

/** What was read and authenticated before, by the version of the object: a manifest never changes. */
export type ManifestCache = Map<
  BackupId,
  { readonly version: string; readonly digest: string; readonly manifest: Manifest }
>;

/** Newest first. A damaged one, and one that another names but that is gone, appears with its problem. */
export async function listManifests(context: Context & { readonly cache: ManifestCache }): Promise<ManifestListing[]> {
  const digests = new Map<BackupId, string>();
  const listings = new Map<BackupId, ManifestListing>();
  const versions = await manifestVersions(context.storage);
  for (const id of context.cache.keys()) if (!versions.has(id)) context.cache.delete(id);
  for (const [timestamp, version] of [...versions].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const key = layout.manifest(timestamp);
    try {
      const { digest, manifest } = await manifestOnce(context, timestamp, version);
      digests.set(timestamp, digest);
      listings.set(timestamp, { timestamp, key, manifest });
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      listings.set(timestamp, { timestamp, key, problem: error.message });
    }
  }
  await markBrokenChain(context.storage, listings, digests);
  return [...listings.values()].sort((a, b) => (a.timestamp < b.timestamp ? 1 : -1));
}

async function manifestOnce(
  context: Context & { readonly cache: ManifestCache },
  id: BackupId,
  version: string,
): Promise<{ readonly digest: string; readonly manifest: Manifest }> {
  const known = context.cache.get(id);
  if (known?.version === version) return known;
  const bytes = await context.storage.read(layout.manifest(id));
  const entry = { version, digest: digestOf(bytes), manifest: decodeManifest(id, bytes, context) };
  context.cache.set(id, entry);
  return entry;
}

async function manifestVersions(storage: Storage): Promise<Map<BackupId, string>> {
  const versions = new Map<BackupId, string>();
  for await (const { key, version } of storage.list(layout.manifests)) {
    const id = backupIdOfManifestKey(key);
    if (id !== undefined) versions.set(id, version);
  }
  return versions;
}

/** Every manifest names its predecessor by digest: one that was taken away or exchanged is noticed. */
async function markBrokenChain(
  storage: Storage,
  listings: Map<BackupId, ManifestListing>,
  digests: ReadonlyMap<BackupId, string>,
): Promise<void> {
  for (const { timestamp, manifest } of listings.values()) {
    const previous = manifest?.lifeboat.previous;
    if (previous === null || previous === undefined) continue;
    const key = layout.manifest(previous.timestamp);
    const digest = digests.get(previous.timestamp);
    if (digest === previous.digest) continue;
    const problem =
      digest === undefined
        ? `is gone, but ${timestamp} names it as its predecessor`
        : `is not the manifest that ${timestamp} names as its predecessor`;
    // Collection leaves a tombstone: then the gap is intended.
    if (digest === undefined && (await storage.stat(layout.tombstone(key))) !== undefined) continue;
    listings.set(previous.timestamp, {
      ...listings.get(previous.timestamp),
      timestamp: previous.timestamp,
      key,
      problem: `manifest ${previous.timestamp} ${problem}`,
    });
  }
}

export async function findManifest(
  context: FindContext,
  selector: string,
  holding: readonly string[] = [],
): Promise<Manifest> {
  if (selector === 'latest') return findLatest(context, holding);
  if (selector === 'newest') return findNewest(context);
  if (!/^[\d_]{1,15}$/.test(selector))
    throw new LifeboatError('NotFound', `${JSON.stringify(selector)} is neither a timestamp nor latest or newest`);
  const matches = (await manifestIds(context.storage)).filter((id) => id.startsWith(selector));
  const [only, ...others] = matches;
  if (only === undefined)
    throw new LifeboatError('NotFound', `no recovery point begins with ${selector} in ${context.storage.description}`);
  if (others.length > 0)
    throw new LifeboatError(
      'Ambiguous',
      `${selector} fits ${matches.length} recovery points: ${matches.slice(0, 5).join(', ')}${matches.length > 5 ? ', …' : ''}`,
    );
  return readManifest(context, only);
}

export async function readManifest(context: Context, id: BackupId): Promise<Manifest> {
  return decodeManifest(id, await context.storage.read(layout.manifest(id)), context);
}

/** The newest whatever is wrong with it: what somebody looks at or verifies. */
async function findNewest(context: Context): Promise<Manifest> {
  const newest = (await manifestIds(context.storage)).at(-1);
  if (newest === undefined)
    throw new LifeboatError('NotFound', `there is no recovery point in ${context.storage.description}`, {
      hint: 'make one with `lifeboat backups run`',
    });
  return readManifest(context, newest);
}

/** The newest that may be restored without a second thought: complete, not suspect, its last proof not bad. */
async function findLatest(context: FindContext, holding: readonly string[]): Promise<Manifest> {
  const passedOver: string[] = [];
  for (const id of (await manifestIds(context.storage)).reverse()) {
    const reason = await readManifest(context, id).then(
      async (manifest) => (await reasonAgainst(context, manifest, holding)) ?? manifest,
      (error: unknown) => {
        // A newer format may hide the newest backup: an old tool must not restore an older one in silence.
        if (!isLifeboatError(error, 'ManifestInvalid')) throw error;
        return error.message;
      },
    );
    if (typeof reason !== 'string') return reason;
    passedOver.push(`${id} (${reason})`);
  }
  const seen = passedOver.length === 0 ? 'there is none' : `passed over: ${passedOver.slice(0, 5).join('; ')}`;
  throw new LifeboatError(
    'NotFound',
    `no usable recovery point in ${context.storage.description}: ${seen}`,
    passedOver.length === 0 ? { hint: 'make one with `lifeboat backups run`' } : {},
  );
}

async function reasonAgainst(
  context: FindContext,
  manifest: Manifest,
  holding: readonly string[],
): Promise<string | undefined> {
  if (!manifest.success) return 'incomplete';
  const held = manifest.lifeboat.components.map(({ id }) => id);
  // A backup of chosen components is good, but whoever asks for everything must not get a part of it in silence.
  const lacking = (holding.length === 0 ? configuredThen(manifest) : holding).filter((id) => !held.includes(id));
  if (lacking.length > 0) return `without ${lacking.join(', ')}`;
  const suspect = manifest.lifeboat.components.filter((component) => component.suspect).map(({ id }) => id);
  if (suspect.length > 0) return `suspect: ${suspect.join(', ')}`;
  const state = await pointState(context, manifest.timestamp);
  if (!isRefuted(state)) return undefined;
  return state === 'failed' ? 'its verification failed' : state;
}

/** The components that were configured when the point was made. */
function configuredThen({ configuration }: Manifest): string[] {
  const { components } = configuration;
  return typeof components === 'object' && components !== null ? Object.keys(components) : [];
}
