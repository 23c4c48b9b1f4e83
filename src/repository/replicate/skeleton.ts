/** What makes a folder a repository: keys, the way out without Lifeboat, and the identity, which comes last. */
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { isUnreadable, parseDocument } from '../document.ts';
import { manifestIds } from '../catalogue.ts';
import { readIdentity } from '../identity.ts';
import { layout } from '../layout.ts';
import { ownObjects } from '../own-objects.ts';
import { replaceDamaged } from '../replace-damaged.ts';
import { putRescueScripts } from '../rescue/scripts.ts';

export interface SkeletonOptions {
  readonly warn?: (message: string) => void;
  /** Whether a key record may be copied; all may where nobody can tell. */
  readonly isWhole?: (key: string, bytes: Uint8Array) => boolean;
}

/**
 * Copies it where it is absent. Killed half way there is no repository, and it may run again. Keys that were added
 * later are copied to a repository that stands as well. RepositoryMismatch where another repository lost its identity.
 */
export async function copySkeleton(
  source: Storage,
  target: Storage,
  { warn = () => undefined, isWhole = () => true }: SkeletonOptions = {},
): Promise<void> {
  if ((await target.stat(layout.repository)) === undefined) await requireNoOther(source, target);
  for await (const { key } of ownObjects(source, layout.keys)) {
    const bytes = await source.read(key);
    if (isWhole(key, bytes)) await putKey(target, key, bytes, isWhole);
    else warn(`${key} is damaged, or left by an init that was cut off: it is not copied to ${target.description}`);
  }
  // Not copied: what lies there is perhaps an old one, or one that somebody exchanged.
  await putRescueScripts({ storage: target, warn });
  await putIfLacking(target, layout.repository, await source.read(layout.repository));
}

/** Whose points lie there is readable without a key. */
async function requireNoOther(source: Storage, target: Storage): Promise<void> {
  const { identity } = await readIdentity(source);
  for (const id of (await manifestIds(target)).reverse()) {
    const other = await repositoryOf(target, layout.manifest(id));
    if (other === identity.id) return;
    if (other !== undefined)
      throw new LifeboatError(
        'RepositoryMismatch',
        `in ${target.description} lie recovery points of repository ${other}, not of ${identity.id}, and no ${layout.repository}`,
        { hint: 'choose an empty folder or prefix for the location' },
      );
  }
}

async function repositoryOf(storage: Storage, key: string): Promise<string | undefined> {
  try {
    const { lifeboat } = parseDocument(key, await storage.read(key), 'ObjectCorrupt');
    const id = (lifeboat as { readonly repositoryId?: unknown } | null | undefined)?.repositoryId;
    return typeof id === 'string' ? id : undefined;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}

/** One that is not whole there opens nothing. */
async function putKey(
  target: Storage,
  key: string,
  bytes: Uint8Array,
  isWhole: (key: string, bytes: Uint8Array) => boolean,
): Promise<void> {
  await replaceDamaged(target, key, bytes, (theirs) => !Buffer.from(theirs).equals(bytes) && !isWhole(key, theirs));
}

async function putIfLacking(target: Storage, key: string, bytes: Uint8Array): Promise<void> {
  if ((await target.stat(key)) === undefined) await target.putIfAbsent(key, bytes);
}
