/** Brings archived WAL to another storage: pieces and histories first, then how far they reach. */
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { frameKinds, type Opener } from '../frame.ts';
import { isDocument } from '../document.ts';
import { layout } from '../layout.ts';
import { ownObjects } from '../own-objects.ts';
import type { Secrets } from '../secrets.ts';
import { coverageName, walHeader } from '../wal-archive.ts';
import type { Authenticate } from './copy-objects.ts';

interface Context {
  readonly storage: Storage;
  readonly secrets: Secrets | undefined;
  readonly opener: Opener;
  readonly warn: (message: string) => void;
}

interface Way {
  /** What the target has already; looked up where it is not known. */
  readonly there?: ReadonlySet<string>;
  readonly copy: (keys: readonly string[], authenticate: Authenticate) => Promise<void>;
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
  const keys = new Set<string>();
  for await (const { key } of ownObjects(storage, layout.allWal)) if (!isCoverage(key)) keys.add(key);
  if (there === undefined) for await (const { key } of ownObjects(target, layout.allWal)) keys.delete(key);
  else for (const key of there) keys.delete(key);
  await copy([...keys], (key, bytes) => authenticateWal(key, bytes, opener));
  for (const [key, bytes] of coverages) await replace(target, key, bytes);
}

async function replace(target: Storage, key: string, bytes: Uint8Array): Promise<void> {
  if ((await target.putIfAbsent(key, bytes)) === 'created') return;
  const standing = await target.stat(key);
  // Lost against another replication: what that one says is as true.
  if (standing !== undefined) await target.replaceIf(key, standing.version, bytes);
}

/** ObjectCorrupt where a stored piece or history is not what was sealed under this key. */
export function authenticateWal(key: string, bytes: Uint8Array, opener: Opener): void {
  let plain: Buffer;
  try {
    plain = opener.open(bytes, frameKinds.wal);
  } catch (error) {
    // What a newer version wrote is no damage.
    if (!(error instanceof LifeboatError) || error.code === 'FormatTooNew') throw error;
    throw new LifeboatError('ObjectCorrupt', `${key} ${error.message}`, { cause: error });
  }
  const { component, systemId, name } = walHeader(key, plain).header;
  if (!key.startsWith(layout.walOf(component, systemId)) || !key.endsWith(`/${name}`))
    throw new LifeboatError('ObjectCorrupt', `${key} holds ${name} of system ${systemId}`);
}

function isCoverage(key: string): boolean {
  return key.endsWith(`/${coverageName}`);
}
