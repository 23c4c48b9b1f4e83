/** Puts what is whole in the place of what is damaged there, or was put there by somebody else. */
import { isImmutable } from '../storage/key.ts';
import type { Storage } from '../storage/storage.ts';
import { layout } from './layout.ts';

/**
 * False where somebody else was faster: what stands there then may be whole. The bytes that go are kept below `damaged/`,
 * where nothing else stands under their key.
 */
export async function replaceDamaged(
  storage: Storage,
  key: string,
  whole: Uint8Array,
  isDamaged: (bytes: Uint8Array) => boolean,
): Promise<boolean> {
  const standing = await storage.stat(key);
  if (standing === undefined) return (await storage.putIfAbsent(key, whole)) === 'created';
  const bytes = await storage.read(key);
  if (!isDamaged(bytes)) return false;
  await keepDamaged(storage, key, bytes);
  if (!isImmutable(key)) return (await storage.replaceIf(key, standing.version, whole)) !== undefined;
  // Of such an object there are no versions.
  if ((await storage.stat(key))?.version !== standing.version) return false;
  await storage.remove(key);
  return (await storage.putIfAbsent(key, whole)) === 'created';
}

/** Below `damaged/`. False where something else stands there, of another time. */
export async function keepDamaged(storage: Storage, key: string, bytes: Uint8Array): Promise<boolean> {
  await storage.putIfAbsent(layout.damaged(key), bytes);
  return Buffer.from(await storage.read(layout.damaged(key))).equals(bytes);
}
