/** `keys/<id>.json`: each wraps the repository's secrets for one key or passphrase. Created once, never changed. */
import { randomBytes } from 'node:crypto';
import { LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument, parseDocument } from './document.ts';
import { layout, repositoryFormat } from './layout.ts';
import { parseRecoveryKey } from './recovery-key.ts';
import { scryptCosts, stretchPassphrase, unwrapSecrets, wrapSecrets } from './secrets.ts';
import type { Secrets } from './secrets.ts';

/** What opens a repository. A key is its 32 bytes, its written form, or 64 hex digits. */
export type KeySource =
  | { readonly mode: 'key'; readonly key: Uint8Array | string }
  | { readonly mode: 'passphrase'; readonly passphrase: string }
  | { readonly mode: 'none' };

export type KeyPurpose = 'primary' | 'recovery';

interface KeyRecord {
  readonly format: number;
  readonly kind: 'key' | 'passphrase';
  readonly purpose: KeyPurpose;
  /** An `init` that was killed leaves a record of a repository that never came to be. */
  readonly repository: string;
  readonly scrypt?: { readonly n: number; readonly r: number; readonly p: number; readonly salt: string };
  readonly nonce: string;
  readonly wrapped: string;
}

/** Stores a record that lets `source` open the repository. */
export async function addKey(
  storage: Storage,
  secrets: Secrets,
  source: Exclude<KeySource, { mode: 'none' }>,
  of: { readonly repository: string; readonly purpose: KeyPurpose },
): Promise<string> {
  const id = randomBytes(8).toString('hex');
  const base = { format: repositoryFormat, kind: source.mode, ...of, createdAt: new Date().toISOString() };
  const record =
    source.mode === 'key'
      ? { ...base, ...wrapSecrets(secrets, keyBytes(source.key), id) }
      : await passphraseRecord(source.passphrase, secrets, id).then((fields) => ({ ...base, ...fields }));
  const key = layout.key(id);
  if ((await storage.putIfAbsent(key, encodeDocument(key, record, secrets))) === 'exists') {
    throw new LifeboatError('Internal', `key record ${key} exists already`);
  }
  return id;
}

/** Tries every record. KeyWrong if none opens, FormatTooNew if only newer ones are there. */
export async function openSecrets(
  storage: Storage,
  source: Exclude<KeySource, { mode: 'none' }>,
  repositoryId: string,
): Promise<Secrets> {
  let seen = 0;
  let newer = 0;
  let damage: unknown;
  for await (const { key } of storage.list(layout.keys)) {
    const id = key.slice(layout.keys.length, -'.json'.length);
    const bytes = await storage.read(key);
    const record = asKeyRecord(parseKeyRecord(key, bytes));
    if (record === undefined || record.kind !== source.mode || record.repository !== repositoryId) continue;
    if (record.format > repositoryFormat) {
      newer += 1;
      continue;
    }
    seen += 1;
    const secrets = unwrapSecrets(record, await openingOf(source, record), id);
    if (secrets === undefined) continue;
    try {
      decodeDocument(key, bytes, secrets, 'ObjectCorrupt');
      return secrets;
    } catch (error) {
      // Another record may open it all the same.
      damage = error;
    }
  }
  if (damage !== undefined) throw damage;
  if (seen === 0 && newer > 0)
    throw new LifeboatError(
      'FormatTooNew',
      `the key records in ${storage.description} were written by a newer version`,
    );
  const tried =
    seen === 0 ? `has no record for a ${source.mode}` : `is not opened by this ${source.mode}, ${seen} tried`;
  throw new LifeboatError('KeyWrong', `the repository in ${storage.description} ${tried}`);
}

export function keyBytes(key: Uint8Array | string): Uint8Array {
  if (typeof key === 'string') return parseRecoveryKey(key);
  if (key.length === 32) return key;
  // A key file that was read as bytes holds the written form.
  return parseRecoveryKey(Buffer.from(key).toString('latin1'));
}

async function passphraseRecord(
  passphrase: string,
  secrets: Secrets,
  id: string,
): Promise<Pick<KeyRecord, 'scrypt' | 'nonce' | 'wrapped'>> {
  if (passphrase.length < 8)
    throw new LifeboatError(
      'InputInvalid',
      `the passphrase has ${passphrase.length} characters, at least 8 are needed`,
    );
  const salt = randomBytes(16);
  const opening = await stretchPassphrase(passphrase, salt, scryptCosts);
  return { scrypt: { ...scryptCosts, salt: salt.toString('hex') }, ...wrapSecrets(secrets, opening, id) };
}

async function openingOf(source: Exclude<KeySource, { mode: 'none' }>, record: KeyRecord): Promise<Uint8Array> {
  if (source.mode === 'key') return keyBytes(source.key);
  if (record.scrypt === undefined)
    throw new LifeboatError('ObjectCorrupt', 'a passphrase record names no scrypt costs');
  return stretchPassphrase(source.passphrase, Buffer.from(record.scrypt.salt, 'hex'), record.scrypt);
}

/** A damaged record must not keep the others from opening the repository. */
function parseKeyRecord(key: string, bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    return parseDocument(key, bytes, 'ObjectCorrupt');
  } catch {
    return undefined;
  }
}

function asKeyRecord(value: Record<string, unknown> | undefined): KeyRecord | undefined {
  if (value === undefined) return undefined;
  const { format, kind, purpose, repository, nonce, wrapped, scrypt } = value;
  if (
    typeof format !== 'number' ||
    (kind !== 'key' && kind !== 'passphrase') ||
    (purpose !== 'primary' && purpose !== 'recovery')
  )
    return undefined;
  if (typeof repository !== 'string' || typeof nonce !== 'string' || typeof wrapped !== 'string') return undefined;
  if (kind === 'key') return { format, kind, purpose, repository, nonce, wrapped };
  if (typeof scrypt !== 'object' || scrypt === null) return undefined;
  const { n, r, p, salt } = scrypt as Record<string, unknown>;
  if (typeof n !== 'number' || typeof r !== 'number' || typeof p !== 'number' || typeof salt !== 'string')
    return undefined;
  return { format, kind, purpose, repository, nonce, wrapped, scrypt: { n, r, p, salt } };
}
