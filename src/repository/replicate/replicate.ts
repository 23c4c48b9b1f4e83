/**
 * Makes another storage hold what this repository holds: the same sealed objects under the same keys, so that the
 * replica is a repository of its own. A recovery point arrives last, after everything that it needs; what is there
 * already is not sent again, so a replication that was cut off goes on where it ended. Nothing is removed there but what a
 * verification there found damaged and is whole here.
 */
import { isLifeboatError, LifeboatError } from '../../domain/errors.ts';
import type { BackupId, Manifest } from '../../domain/recovery-point.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { ObjectInfo, Storage } from '../../storage/storage.ts';
import { manifestIds, readManifest } from '../catalogue.ts';
import { decodeDocument } from '../document.ts';
import { readIdentity } from '../identity.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import { smallAtOnce } from '../at-once.ts';
import { readIndexHead } from '../index-object.ts';
import { closeIntent, reserveBackupId } from '../intents.ts';
import { backupIdOfManifestKey, layout } from '../layout.ts';
import { isAuthenticManifest } from '../manifest.ts';
import { ownObjects } from '../own-objects.ts';
import { knownDamage } from '../known-damage.ts';
import { authenticatePack, copyObjects, type Authenticate, type NotCopied } from './copy-objects.ts';
import { copyWal } from './copy-wal.ts';
import { damagedLeftovers } from './leftovers.ts';
import { authenticBy, makeRoomForPacks, makeRoomForPoints } from './make-room.ts';
import { copySkeleton } from './skeleton.ts';
import type { ReplicateContext } from './context.ts';
import { skeletonOptions } from './context.ts';

export interface ReplicateOptions {
  /** For people: who replicates. */
  readonly owner: string;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

export interface Replicated {
  readonly objects: number;
  readonly bytes: number;
  /** Recovery points that arrived. */
  readonly points: readonly BackupId[];
  /** What could not be copied because it is damaged here; the points that need it did not arrive. */
  readonly problems: readonly string[];
}

/** RepositoryMismatch where another repository lies there. */
export async function replicate(
  context: ReplicateContext,
  target: Storage,
  options: ReplicateOptions,
): Promise<Replicated> {
  await copySkeleton(context.storage, target, skeletonOptions(context));
  const { identity } = await readIdentity(target);
  if (identity.id !== context.id)
    throw new LifeboatError(
      'RepositoryMismatch',
      `in ${target.description} lies repository ${identity.id}, not a copy of ${context.id}`,
      { hint: 'choose an empty folder or prefix for the location' },
    );
  // Before the first look at what is there: collection must not take away what we rely on.
  const intent = await reserveBackupId(target, await target.now(), options.owner, context.secrets);
  try {
    return await new Replication(context, target, options).run();
  } finally {
    await closeIntent(target, intent, context.secrets);
  }
}

class Replication {
  readonly #context: ReplicateContext;
  readonly #target: Storage;
  readonly #options: ReplicateOptions;
  #objects = 0;
  #bytes = 0;
  #bytesTotal = 0;
  readonly #problems: string[] = [];

  constructor(context: ReplicateContext, target: Storage, options: ReplicateOptions) {
    this.#context = context;
    this.#target = target;
    this.#options = options;
  }

  async run(): Promise<Replicated> {
    const { storage, secrets, documents, warn } = this.#context;
    const told = await knownDamage({ storage: this.#target, secrets, documents, warn, isCopy: true });
    const refuted = await makeRoomForPoints(this.#context, this.#target, told.points);
    const pointsThere = await this.#authenticThere();
    const manifests = await this.#missingManifests(pointsThere);
    await copyWal(this.#context, this.#target, {
      copy: async (objects, authenticate) => this.#copy([...objects.keys()], authenticate),
    });
    await this.#copyPacks(manifests, pointsThere, told.packs);
    await this.#copyIndexes([...manifests, ...refuted]);
    // Before the points: reports say which of those that are not there left as they should.
    for (const prefix of [layout.holds, layout.reports])
      await this.#copyWhole(await missing(storage, this.#target, prefix), (key, bytes) => {
        decodeDocument(key, bytes, secrets, 'ObjectCorrupt');
      });
    const points = await this.#copyManifests(manifests);
    this.#options.signal?.throwIfAborted();
    return { objects: this.#objects, bytes: this.#bytes, points, problems: this.#problems };
  }

  /**
   * Listed before the packs, so that every pack that they need is among those. What has the name of one there and is none
   * is missing as well.
   */
  async #missingManifests(there: ReadonlySet<BackupId>): Promise<Manifest[]> {
    const marked = new Set<BackupId>();
    for await (const { key } of ownObjects(this.#target, layout.tombstone(layout.manifests)))
      marked.add(backupIdOfManifestKey(key.slice(layout.tombstones.length)) ?? '');
    const lacking = (await manifestIds(this.#context.storage)).filter((id) => !there.has(id));
    const manifests = await inLanes(smallAtOnce, lacking, async (id): Promise<Manifest[]> => {
      // Retention there was done with it, if it was retention.
      if (marked.has(id) && (await this.#context.expiries.at(this.#target).explain(id))) return [];
      try {
        return [await readManifest(this.#context, id)];
      } catch (error) {
        if (!(error instanceof LifeboatError)) throw error;
        this.#problems.push(error.message);
        return [];
      }
    });
    return manifests.flat();
  }

  async #authenticThere(): Promise<ReadonlySet<BackupId>> {
    const there = new Set<BackupId>();
    await inLanes(smallAtOnce, ownObjects(this.#target, layout.manifests), async (object) => {
      const id = backupIdOfManifestKey(object.key) ?? '';
      if (await this.#isManifestThere(id, object)) there.add(id);
    });
    return there;
  }

  async #isManifestThere(id: BackupId, object: ObjectInfo): Promise<boolean> {
    this.#options.signal?.throwIfAborted();
    const { documents } = this.#context;
    try {
      return await documents.read(object, async () =>
        isAuthenticManifest(id, await this.#target.read(object.key), this.#context),
      );
    } catch (error) {
      if (isLifeboatError(error, 'ObjectMissing')) return false;
      if (!isLifeboatError(error, 'PermissionDenied')) throw error;
      // Nothing can be put in its place either.
      this.#problems.push(error.message);
      return true;
    }
  }

  /** What the arriving points need, and what a verification there found damaged. */
  async #copyPacks(
    manifests: readonly Manifest[],
    pointsThere: ReadonlySet<BackupId>,
    broken: ReadonlySet<string>,
  ): Promise<void> {
    const { storage } = this.#context;
    const needed = new Set(manifests.flatMap(({ backup_files: files }) => files.map(({ path }) => path)));
    // What an attempt that was cut off left is marked where it was collected since. Our intent stands: from now on it stays.
    for await (const { key } of ownObjects(this.#target, layout.tombstone(layout.packs)))
      if (needed.has(key.slice(layout.tombstones.length))) await this.#target.remove(key);
    const sizes = new Map<string, number>();
    for await (const { key, size } of ownObjects(storage, layout.packs))
      if (needed.has(key) || isBroken(key, broken)) sizes.set(key, size);
    // Of another size it is not what its name says: `copyObjects` replaces it.
    const standing = new Map<string, ObjectInfo>();
    for await (const object of ownObjects(this.#target, layout.packs))
      if (!isBroken(object.key, broken) && sizes.get(object.key) === object.size) standing.set(object.key, object);
    const { signal } = this.#options;
    const damaged = new Set(await damagedLeftovers(this.#context, this.#target, { standing, pointsThere, signal }));
    for (const key of standing.keys()) if (!damaged.has(key)) sizes.delete(key);
    this.#bytesTotal = [...sizes.values()].reduce((sum, size) => sum + size, this.#bytes);
    const keys = [...sizes.keys()];
    const again = await makeRoomForPacks(
      storage,
      this.#target,
      keys.filter((key) => isBroken(key, broken)),
    );
    await this.#copy([...keys.filter((key) => !isBroken(key, broken)), ...again], authenticatePack);
  }

  async #copyIndexes(manifests: readonly Manifest[]): Promise<void> {
    const digests = new Map<string, string>();
    for (const { backup_files: files } of manifests)
      for (const { path, checksum } of files) digests.set(path, checksum);
    // Also those that have their name there already: they are few, and are compared.
    const keys = manifests.flatMap(({ lifeboat }) => lifeboat.components.map(({ indexId }) => layout.index(indexId)));
    await this.#copy([...new Set(keys)], authenticBy(digests));
  }

  /** Only those that found everything that they need. */
  async #copyManifests(manifests: readonly Manifest[]): Promise<BackupId[]> {
    if (manifests.length === 0) return [];
    const there = new Map<string, number>();
    for await (const { key, size } of ownObjects(this.#target, layout.packs)) there.set(key, size);
    const looked = await inLanes(smallAtOnce, manifests, async (manifest) => {
      const lacking = await this.#lackingOf(manifest, there);
      if (lacking === undefined) return [layout.manifest(manifest.timestamp)];
      this.#problems.push(`recovery point ${manifest.timestamp} was not copied: ${lacking}`);
      return [];
    });
    const ready = looked.flat();
    await this.#copyWhole(await this.#stonesOfUnknown(), (key, bytes) =>
      this.#requireManifest(backupIdOfManifestKey(key.slice(layout.tombstones.length)), key, bytes),
    );
    // Oldest first: each names its predecessor.
    await this.#copy(ready.sort(), (key, bytes) => this.#requireManifest(backupIdOfManifestKey(key), key, bytes));
    return ready.flatMap((key) => backupIdOfManifestKey(key) ?? []);
  }

  /** Points that retention removed here before they ever arrived there: their absence is no damage. */
  async #stonesOfUnknown(): Promise<string[]> {
    const prefix = layout.tombstone(layout.manifests);
    const there = new Set((await manifestIds(this.#target)).map((id) => layout.tombstone(layout.manifest(id))));
    return (await missing(this.#context.storage, this.#target, prefix)).filter((key) => !there.has(key));
  }

  #requireManifest(id: BackupId = '', key: string, bytes: Uint8Array): void {
    if (!isAuthenticManifest(id, bytes, this.#context))
      throw new LifeboatError('ObjectCorrupt', `${key} does not hold the manifest of ${id}`);
  }

  async #lackingOf({ lifeboat }: Manifest, packs: ReadonlyMap<string, number>): Promise<string | undefined> {
    for (const { id, indexId } of lifeboat.components) {
      try {
        const head = await readIndexHead(this.#target, indexId, this.#context.opener);
        const gone = [...head.packs.values()].find((pack) => packs.get(layout.pack(pack.id)) !== pack.size);
        if (gone !== undefined) return `pack ${gone.id} of ${id} is damaged or gone`;
      } catch (error) {
        if (!(error instanceof LifeboatError) || error.code === 'StorageFailed') throw error;
        return error.message;
      }
    }
    return undefined;
  }

  async #copy(keys: readonly string[], authenticate: Authenticate): Promise<void> {
    for (const { error } of await this.#notCopied(keys, authenticate)) this.#problems.push(error.message);
  }

  /** What no point needs: a damaged one stays behind, and that alone is no reason to call the copy behind. */
  async #copyWhole(keys: readonly string[], authenticate: Authenticate): Promise<void> {
    for (const { error } of await this.#notCopied(keys, authenticate))
      this.#context.warn(`${error.message}; it is not copied to ${this.#target.description}`);
  }

  async #notCopied(keys: readonly string[], authenticate: Authenticate): Promise<NotCopied[]> {
    return copyObjects({
      source: this.#context.storage,
      target: this.#target,
      keys,
      authenticate,
      signal: this.#options.signal,
      onCopied: ({ bytes }) => {
        this.#objects += 1;
        this.#bytes += bytes;
        this.#options.onProgress?.({
          bytesDone: this.#bytes,
          bytesTotal: Math.max(this.#bytesTotal, this.#bytes),
          phase: 'copy',
        });
      },
    });
  }
}

function isBroken(key: string, broken: ReadonlySet<string>): boolean {
  return broken.has(key.slice(key.lastIndexOf('/') + 1));
}

/** Keys below a prefix that the target lacks, in order. */
async function missing(source: Storage, target: Storage, prefix: string): Promise<string[]> {
  const keys = new Set<string>();
  for await (const { key } of ownObjects(source, prefix)) keys.add(key);
  return without(target, prefix, keys);
}

async function without(target: Storage, prefix: string, keys: Set<string>): Promise<string[]> {
  for await (const { key } of ownObjects(target, prefix)) keys.delete(key);
  return [...keys];
}
