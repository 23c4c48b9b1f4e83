/** `repository.json`: the commit marker of `init`. Whoever opens a repository reads it first. */
import { LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument, parseDocument } from './document.ts';
import { layout, repositoryFormat } from './layout.ts';
import type { Secrets } from './secrets.ts';

export interface Identity {
  readonly format: number;
  /** Random, 32 hex digits. */
  readonly id: string;
  readonly encryption: 'aes-256-gcm' | 'none';
  readonly createdAt: string;
}

/** Parsed, not yet authenticated: the keys come after it. RepositoryMissing, FormatTooNew, ObjectCorrupt. */
export async function readIdentity(
  storage: Storage,
): Promise<{ readonly identity: Identity; readonly bytes: Uint8Array }> {
  const key = layout.repository;
  if ((await storage.stat(key)) === undefined)
    throw new LifeboatError('RepositoryMissing', `there is no repository in ${storage.description}: ${key} is absent`);
  const bytes = await storage.read(key);
  const { format, id, encryption, createdAt } = parseDocument(key, bytes, 'ObjectCorrupt');
  if (typeof format === 'number' && format > repositoryFormat) {
    throw new LifeboatError(
      'FormatTooNew',
      `the repository in ${storage.description} has format ${format}, this version reads up to ${repositoryFormat}`,
    );
  }
  if (
    format !== repositoryFormat ||
    typeof id !== 'string' ||
    typeof createdAt !== 'string' ||
    (encryption !== 'aes-256-gcm' && encryption !== 'none')
  ) {
    throw new LifeboatError('ObjectCorrupt', `${key} in ${storage.description} is malformed`);
  }
  return { identity: { format, id, encryption, createdAt }, bytes };
}

export function authenticateIdentity(bytes: Uint8Array, secrets: Secrets | undefined): void {
  decodeDocument(layout.repository, bytes, secrets, 'ObjectCorrupt');
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
