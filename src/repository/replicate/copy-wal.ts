/** Brings archived WAL to another storage: pieces and histories first, then how far they reach. */
import type { Storage } from '../../storage/storage.ts';
import type { Opener } from '../frame.ts';
import { isDocument } from '../document.ts';
import { layout } from '../layout.ts';
import { ownObjects } from '../own-objects.ts';
import type { Secrets } from '../secrets.ts';
import { authenticateWal, coverageName } from '../wal-frame.ts';
import type { Authenticate } from './copy-objects.ts';

interface Context {
  readonly storage: Storage;
  readonly secrets: Secrets | undefined;
  readonly opener: Opener;
  readonly warn: (message: string) => void;
}

interface Way {
  /** What the target has already, with sizes; looked up where it is not known. */
  readonly there?: ReadonlyMap<string, number>;
  /** Copies objects, given with their sizes; one whose name is there already is compared. */
  readonly copy: (objects: ReadonlyMap<string, number>, authenticate: Authenticate) => Promise<void>;
}

export async function copyWal(
  { storage, secrets, opener, warn }: Context,
  target: Storage,
  { there, copy }: Way,
): Promise<void> {
  const coverages = new Map<string, Uint8Array>();
  // Read before the pieces are listed: it must not promise what comes in meanwhile.
  for await (const { key } of ownObjects(storage, layout.allWal)) {
    if (!isCoverage(key)) continue;
    const bytes = await storage.read(key);
    if (isDocument(key, bytes, secrets)) coverages.set(key, bytes);
    else warn(`${key} is damaged: it is not copied to ${target.description}`);
  }
  const lacking = new Map<string, number>();
  for await (const { key, size } of ownObjects(storage, layout.allWal)) if (!isCoverage(key)) lacking.set(key, size);
  // A name alone says nothing: of another size it is not what would be copied.
  for (const [key, size] of there ?? (await sizesIn(target))) if (lacking.get(key) === size) lacking.delete(key);
  await copy(lacking, (key, bytes) => authenticateWal(key, bytes, opener));
  for (const [key, bytes] of coverages) await replace(target, key, bytes);
}

/** Sizes of all archived WAL, by key. */
export async function sizesIn(storage: Storage): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { key, size } of ownObjects(storage, layout.allWal)) sizes.set(key, size);
  return sizes;
}

async function replace(target: Storage, key: string, bytes: Uint8Array): Promise<void> {
  if ((await target.putIfAbsent(key, bytes)) === 'created') return;
  const standing = await target.stat(key);
  // Lost against another replication: what that one says is as true.
  if (standing !== undefined) await target.replaceIf(key, standing.version, bytes);
}

function isCoverage(key: string): boolean {
  return key.endsWith(`/${coverageName}`);
}
