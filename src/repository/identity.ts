/** `repository.json`: the commit marker of `init`. Whoever opens a repository reads it first. */
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument, parseDocument } from './document.ts';
import { layout, repositoryFormat } from './layout.ts';
import { holdsOwn } from './own-objects.ts';
import type { Secrets } from './secrets.ts';

export interface Identity {
  readonly format: number;
  /** Random, 32 hex digits. */
  readonly id: string;
  readonly encryption: 'aes-256-gcm' | 'none';
  readonly createdAt: string;
}

/** Folders that hold something only where a repository stood. An `init` or a copy that was cut off leaves keys. */
const contents = [layout.manifests, layout.packs, layout.indexes, layout.allWal] as const;

/** Those of the folders in which something of a repository lies. */
export async function contentsOf(storage: Storage, folders: readonly string[] = contents): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) if (await holdsOwn(storage, folder)) found.push(folder);
  return found;
}

export const contentsAndKeys: readonly string[] = [layout.keys, ...contents];

/** What to do where `repository.json` alone is gone. `copies`: where copies of the repository lie, for people. */
export function putIdentityBack(copies: readonly string[] = []): string {
  const where = copies.length === 0 ? 'a copy in a location' : copies.join(' or ');
  return `put its ${layout.repository} back, the same file lies in ${where}; a new repository beside what is there could open none of it`;
}

/**
 * Parsed, not yet authenticated: the keys come after it. RepositoryMissing, ObjectMissing where a repository stood,
 * FormatTooNew, ObjectCorrupt.
 */
export async function readIdentity(
  storage: Storage,
): Promise<{ readonly identity: Identity; readonly bytes: Uint8Array }> {
  const key = layout.repository;
  if ((await storage.stat(key)) === undefined) {
    const found = await contentsOf(storage);
    if (found.length === 0)
      throw new LifeboatError(
        'RepositoryMissing',
        `there is no repository in ${storage.description}: ${key} is absent`,
      );
    throw new LifeboatError(
      'ObjectMissing',
      `${key} is gone from ${storage.description}, where ${found.join(', ')} of a repository lie`,
      { hint: putIdentityBack() },
    );
  }
  const bytes = await storage.read(key);
  const { format, id, encryption, createdAt } = withIdentityHint(() => parseDocument(key, bytes, 'ObjectCorrupt'));
  if (typeof format === 'number' && format > repositoryFormat) {
    throw new LifeboatError(
      'FormatTooNew',
      `the repository in ${storage.description} has format ${format}, this version reads up to ${repositoryFormat}`,
      // What would authenticate the file depends on its format, so it may also be no newer one at all.
      { hint: `use a newer Lifeboat; if none ever wrote there, ${key} was exchanged: ${putIdentityBack()}` },
    );
  }
  if (
    format !== repositoryFormat ||
    typeof id !== 'string' ||
    typeof createdAt !== 'string' ||
    (encryption !== 'aes-256-gcm' && encryption !== 'none')
  ) {
    throw new LifeboatError('ObjectCorrupt', `${key} in ${storage.description} is malformed`, {
      hint: putIdentityBack(),
    });
  }
  return { identity: { format, id, encryption, createdAt }, bytes };
}

export function authenticateIdentity(bytes: Uint8Array, secrets: Secrets | undefined): void {
  withIdentityHint(() => decodeDocument(layout.repository, bytes, secrets, 'ObjectCorrupt'));
}

/** No other recovery point would help. */
function withIdentityHint<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
    throw new LifeboatError(error.code, error.message, { hint: putIdentityBack(), cause: error });
  }
}

/** False if another `init` was faster. */
export async function writeIdentity(
  storage: Storage,
  identity: Identity,
  secrets: Secrets | undefined,
): Promise<boolean> {
  return (
    (await storage.putIfAbsent(layout.repository, encodeDocument(layout.repository, identity, secrets))) === 'created'
  );
}
