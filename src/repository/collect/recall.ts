/** What a person does about a recovery point that is gone or damaged: bring it back, or give it up. */
import { LifeboatError } from '../../domain/errors.ts';
import { timeOfBackupId, type BackupId } from '../../domain/recovery-point.ts';
import type { Storage } from '../../storage/storage.ts';
import { isUnreadable } from '../document.ts';
import { noteExpiry } from '../expiry.ts';
import { layout } from '../layout.ts';
import { decodeManifest, isAuthenticManifest } from '../manifest.ts';
import type { CollectContext } from './collect.ts';
import { takeCollectionLease } from './exclusion.ts';

/**
 * Puts a recovery point back that is gone, while its objects are still there: from its tombstone, or, where there is none
 * that can be believed, from a copy that holds its manifest. NotFound, ObjectMissing.
 */
export async function unexpire(
  context: CollectContext,
  id: BackupId,
  holder: string,
  copies: readonly Storage[] = [],
): Promise<void> {
  if (timeOfBackupId(id) === undefined)
    throw new LifeboatError('NotFound', `\`${id}\` is no full id of a recovery point`, {
      hint: 'such an id is a time, for example 20261122_020000',
    });
  const lease = await takeCollectionLease(context.storage, holder, context.secrets);
  try {
    await putBack(context, id, copies);
  } finally {
    await lease.release();
  }
}

async function putBack(context: CollectContext, id: BackupId, copies: readonly Storage[]): Promise<void> {
  const { storage } = context;
  const key = layout.manifest(id);
  const stone = layout.tombstone(key);
  const isThere = (await manifestAt(context, id, { storage, key })) !== undefined;
  const bytes =
    (await manifestAt(context, id, { storage, key: stone })) ??
    (await firstOf(isThere ? [] : copies, async (copy) => manifestAt(context, id, { storage: copy, key })));
  if (bytes === undefined)
    throw new LifeboatError(
      'NotFound',
      `recovery point ${id} was not removed by retention in ${storage.description}${isThere || copies.length === 0 ? '' : ', and no copy holds it'}`,
    );
  await setAsideDamaged(context, id);
  const isNew = (await storage.putIfAbsent(key, bytes)) === 'created';
  for (const { path } of decodeManifest(id, bytes, context).backup_files) {
    if ((await storage.stat(path)) !== undefined) {
      await storage.remove(layout.tombstone(path));
      continue;
    }
    if (isNew) await storage.remove(key);
    throw new LifeboatError('ObjectMissing', `recovery point ${id} cannot come back: ${path} is gone`);
  }
  await storage.remove(stone);
}

/** What stands under the key of a manifest and is none goes out of the way, its bytes kept below `damaged/`. */
async function setAsideDamaged(context: CollectContext, id: BackupId): Promise<void> {
  const { storage } = context;
  const key = layout.manifest(id);
  if ((await storage.stat(key)) === undefined || isAuthenticManifest(id, await storage.read(key), context)) return;
  await storage.putIfAbsent(layout.damaged(key), await storage.read(key));
  await storage.remove(key);
}

/**
 * A person gives up a recovery point that is gone or whose manifest is damaged: it is told no more, and holds up nothing.
 * Precondition for one that can be read.
 */
export async function giveUp(context: CollectContext, id: BackupId, by: string, reason: string): Promise<void> {
  const { storage } = context;
  const key = layout.manifest(id);
  const lease = await takeCollectionLease(storage, by, context.secrets);
  try {
    if ((await storage.stat(key)) !== undefined && isAuthenticManifest(id, await storage.read(key), context))
      throw new LifeboatError('Precondition', `recovery point ${id} is there; nothing was changed`, {
        hint: 'retention removes it when it has had its time',
      });
    await noteExpiry(context, { points: [id], by, reason });
    await setAsideDamaged(context, id);
  } finally {
    await lease.release();
  }
}

/** The bytes of an authentic manifest; undefined where there are none: what somebody else put there must not come back under its name. */
async function manifestAt(
  context: CollectContext,
  id: BackupId,
  at: { readonly storage: Storage; readonly key: string },
): Promise<Uint8Array | undefined> {
  if ((await at.storage.stat(at.key)) === undefined) return undefined;
  try {
    const bytes = await at.storage.read(at.key);
    decodeManifest(id, bytes, context);
    return bytes;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}

async function firstOf<T, R>(items: readonly T[], find: (item: T) => Promise<R | undefined>): Promise<R | undefined> {
  for (const item of items) {
    const found = await find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
