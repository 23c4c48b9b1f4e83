/** Which recovery points there are. Read from storage every time: nothing else knows. */
import { LifeboatError } from '../domain/errors.ts';
import { isRefuted, type BackupId, type Manifest } from '../domain/recovery-point.ts';
import { datedPoint, newestFirst } from '../domain/seal-order.ts';
import { foreignHint, foreignOwner, type Owner } from '../domain/whose-point.ts';
import type { Storage } from '../storage/storage.ts';
import { digestOf, isUnreadable } from './document.ts';
import type { Expiries } from './expiry.ts';
import { inLanes } from '../domain/in-lanes.ts';
import { smallAtOnce } from './at-once.ts';
import { backupIdOfManifestKey, layout } from './layout.ts';
import type { KnownManifest, ManifestCache } from './manifest-cache.ts';
import { decodeManifest } from './manifest.ts';
import { ownObjects } from './own-objects.ts';
import { pointState } from './proofs.ts';
import type { Secrets } from './secrets.ts';
import type { ProofContext } from './proof-types.ts';
import type { ManifestListing } from './manifest-listing.ts';

interface Context {
  readonly storage: Storage;
  readonly id: string;
  readonly secrets: Secrets | undefined;
}

interface ListContext extends Context {
  readonly cache: ManifestCache;
  readonly expiries: Expiries;
  /** Whose points are own; all are where it is absent. */
  readonly owner?: Owner | undefined;
}

type FindContext = ListContext & ProofContext;

export async function manifestIds(storage: Storage): Promise<BackupId[]> {
  const ids: BackupId[] = [];
  for await (const { key } of ownObjects(storage, layout.manifests)) ids.push(backupIdOfManifestKey(key) ?? '');
  return ids.sort();
}

/** Newest first, see `newestFirst`. A damaged one, and one that another names but that is gone, appears with its problem. */
export async function listManifests(context: ListContext): Promise<ManifestListing[]> {
  const digests = new Map<BackupId, string>();
  const listings = new Map<BackupId, ManifestListing>();
  const versions = await manifestVersions(context.storage);
  context.cache.keepOnly(versions);
  const read = [...versions].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const { listing, digest } of await inLanes(smallAtOnce, read, async ([id, version]) =>
    listingOf(context, id, version),
  )) {
    listings.set(listing.timestamp, listing);
    if (digest !== undefined) digests.set(listing.timestamp, digest);
  }
  await markBrokenChain(context.expiries, listings, digests);
  return newestFirst([...listings.values()], datedPoint);
}

/** The listing of a manifest that is there, whatever is wrong with it. */
async function listingOf(
  context: ListContext,
  timestamp: BackupId,
  version: string,
): Promise<{ readonly listing: ManifestListing; readonly digest?: string }> {
  const key = layout.manifest(timestamp);
  try {
    const { digest, manifest } = await manifestOnce(context, timestamp, version);
    const foreign = context.owner === undefined ? undefined : foreignOwner(manifest, context.owner);
    return { listing: { timestamp, key, manifest, ...(foreign === undefined ? {} : { foreign }) }, digest };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return { listing: { timestamp, key, problem: error.message } };
  }
}

async function manifestOnce(
  context: Context & { readonly cache: ManifestCache },
  id: BackupId,
  version: string,
): Promise<KnownManifest> {
  const known = context.cache.get(id);
  return known?.version === version ? known : manifestNow(context, id, version);
}

/** Read and authenticated, whatever was known of it. */
export async function manifestNow(
  context: Context & { readonly cache: ManifestCache },
  id: BackupId,
  version: string,
): Promise<KnownManifest> {
  const bytes = await context.storage.read(layout.manifest(id));
  return context.cache.set(id, { version, digest: digestOf(bytes), manifest: decodeManifest(id, bytes, context) });
}

async function manifestVersions(storage: Storage): Promise<Map<BackupId, string>> {
  const versions = new Map<BackupId, string>();
  for await (const { key, version } of ownObjects(storage, layout.manifests))
    versions.set(backupIdOfManifestKey(key) ?? '', version);
  return versions;
}

/** Every manifest names its predecessor by digest, and what was gone by then: one that was taken away or exchanged is noticed. */
async function markBrokenChain(
  expiries: Expiries,
  listings: Map<BackupId, ManifestListing>,
  digests: ReadonlyMap<BackupId, string>,
): Promise<void> {
  const mark = (timestamp: BackupId, problem: string): void => {
    const standing = listings.get(timestamp) ?? { isGone: true };
    const key = layout.manifest(timestamp);
    listings.set(timestamp, { ...standing, timestamp, key, problem: `manifest ${timestamp} ${problem}` });
  };
  for (const { timestamp, manifest } of listings.values()) {
    const { previous = null, missing = [] } = manifest?.lifeboat ?? {};
    if (previous !== null) {
      const digest = digests.get(previous.timestamp);
      const isThere = listings.get(previous.timestamp)?.manifest !== undefined;
      if (isThere && digest !== previous.digest)
        mark(previous.timestamp, `is not the manifest that ${timestamp} names as its predecessor`);
      else if (!listings.has(previous.timestamp) && !(await expiries.explain(previous.timestamp)))
        mark(previous.timestamp, `is gone, but ${timestamp} names it as its predecessor`);
    }
    for (const id of missing)
      if (!listings.has(id) && !(await expiries.explain(id)))
        mark(id, `is gone: it was sealed before ${timestamp} and was not there any more when that was`);
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

/** The newest that can be read, whatever its proofs say: what somebody looks at or verifies. The error of the newest where none can. */
async function findNewest(context: FindContext): Promise<Manifest> {
  let first: unknown;
  for (const { timestamp: id, foreign } of await thereNewestFirst(context)) {
    if (foreign !== undefined) continue;
    try {
      return await readManifest(context, id);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      first ??= error;
      context.warn(`${error.message}; an older recovery point is looked at`);
    }
  }
  throw (
    first ??
    new LifeboatError('NotFound', `there is no recovery point in ${context.storage.description}`, {
      hint: 'make one with `lifeboat backups run`',
    })
  );
}

/** The newest that may be restored without a second thought: complete, not suspect, its last proof not bad. */
async function findLatest(context: FindContext, holding: readonly string[]): Promise<Manifest> {
  const passedOver: string[] = [];
  let isShared = false;
  for (const { timestamp: id, foreign } of await thereNewestFirst(context)) {
    isShared ||= foreign !== undefined;
    // Whatever was known of it.
    const reason = await manifestNow(
      context,
      id,
      (await context.storage.stat(layout.manifest(id)))?.version ?? '',
    ).then(
      async ({ manifest }) => (await reasonAgainst(context, manifest, holding)) ?? manifest,
      (error: unknown) => {
        // A newer format may hide the newest backup: an old tool must not restore an older one in silence.
        if (!isUnreadable(error)) throw error;
        context.warn(`${error.message}; it is passed over`);
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
    passedOver.length === 0 ? { hint: 'make one with `lifeboat backups run`' } : isShared ? { hint: foreignHint } : {},
  );
}

async function thereNewestFirst(context: FindContext): Promise<ManifestListing[]> {
  return (await listManifests(context)).filter(({ isGone }) => isGone !== true);
}

async function reasonAgainst(
  context: FindContext,
  manifest: Manifest,
  holding: readonly string[],
): Promise<string | undefined> {
  const foreign = context.owner === undefined ? undefined : foreignOwner(manifest, context.owner);
  if (foreign !== undefined) return `of the appliance \`${foreign}\``;
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
