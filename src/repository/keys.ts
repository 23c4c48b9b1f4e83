/** `keys/<id>.json`: each wraps the repository's secrets for one key or passphrase. Created once, never changed. */
import { randomBytes } from 'node:crypto';
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument, isUnreadable, parseDocument } from './document.ts';
import { layout, repositoryFormat } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import { parseRecoveryKey } from './recovery-key.ts';
import {
  arePayable,
  isWrapped,
  memoryOf,
  scryptCosts,
  stretchPassphrase,
  unwrapSecrets,
  wrapSecrets,
} from './secrets.ts';
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

/**
 * Tries every record, the cheapest first; one that is damaged leaves the others to be tried. KeyWrong if none opens,
 * FormatTooNew if only newer ones are there.
 */
export async function openSecrets(
  storage: Storage,
  source: Exclude<KeySource, { mode: 'none' }>,
  repositoryId: string,
  warn: (message: string) => void = () => undefined,
): Promise<Secrets> {
  const { records, damaged } = await readRecords(storage);
  let fits = false;
  const fitting = records.filter(
    ({ record: { kind, repository } }) => kind === source.mode && repository === repositoryId,
  );
  const known = fitting.filter(({ record: { format } }) => format <= repositoryFormat);
  for (const { key, id, bytes, record } of known.toSorted((a, b) => costOf(a.record) - costOf(b.record))) {
    const secrets = unwrapSecrets(record, await openingOf(source, record), id);
    if (secrets === undefined) continue;
    try {
      decodeDocument(key, bytes, secrets, 'ObjectCorrupt');
      damaged.forEach((text) => warn(`${text}; another key record opens the repository`));
      return secrets;
    } catch (error) {
      if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
      // The key fits: what it wraps is whole, the record around it is not.
      fits = true;
      damaged.push(error.message);
    }
  }
  if (known.length === 0 && damaged.length === 0 && fitting.length > 0)
    throw new LifeboatError(
      'FormatTooNew',
      `the key records in ${storage.description} were written by a newer version`,
    );
  if (fitting.length === 0) await refuseOtherIdentity(records, source, repositoryId);
  const tried = known.length;
  const { mode } = source;
  const text = tried === 0 ? `has no record for a ${mode}` : `is not opened by this ${mode}, ${tried} tried`;
  const where = `the repository in ${storage.description}`;
  if (damaged.length === 0) throw new LifeboatError('KeyWrong', `${where} ${text}`);
  throw new LifeboatError(
    fits || tried === 0 ? 'ObjectCorrupt' : 'KeyWrong',
    `${where} ${text}; ${damaged.join('; ')}`,
    {
      hint: 'a copy in a location has the same files below `keys/`: put whole ones in the place of those that are damaged; or use the key of the recovery kit',
    },
  );
}

/** Where the key opens records of another repository, it is the right one: what names the repository is wrong. */
async function refuseOtherIdentity(
  records: readonly StoredRecord[],
  source: Exclude<KeySource, { mode: 'none' }>,
  repositoryId: string,
): Promise<void> {
  for (const { key, id, record } of records) {
    if (record.kind !== source.mode || record.format > repositoryFormat) continue;
    if (unwrapSecrets(record, await openingOf(source, record), id) === undefined) continue;
    throw new LifeboatError(
      'ObjectCorrupt',
      `${layout.repository} names repository ${repositoryId}, and this ${source.mode} opens ${key} of repository ${record.repository}: one of both is damaged`,
      { hint: `put a whole ${layout.repository} in its place: the same file lies in every copy` },
    );
  }
}

interface StoredRecord {
  readonly key: string;
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly record: KeyRecord;
}

/** Those that can be tried, and what is wrong with the others. */
async function readRecords(
  storage: Storage,
): Promise<{ readonly records: StoredRecord[]; readonly damaged: string[] }> {
  const records: StoredRecord[] = [];
  const damaged: string[] = [];
  for await (const { key } of ownObjects(storage, layout.keys)) {
    try {
      const bytes = await storage.read(key);
      const record = asKeyRecord(parseDocument(key, bytes, 'ObjectCorrupt'));
      if (record === undefined) damaged.push(`${key} is no key record`);
      else records.push({ key, id: key.slice(layout.keys.length, -'.json'.length), bytes, record });
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      damaged.push(error.message);
    }
  }
  return { records, damaged };
}

/** What trying a record costs. */
function costOf({ scrypt }: KeyRecord): number {
  return scrypt === undefined ? 0 : memoryOf(scrypt);
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
  if (record.scrypt === undefined) throw new LifeboatError('Internal', 'a passphrase record has no scrypt costs');
  return stretchPassphrase(source.passphrase, Buffer.from(record.scrypt.salt, 'hex'), record.scrypt);
}

/** Undefined for what nobody can try: a member that lacks, a nonce of another length, costs that nobody can pay. */
function asKeyRecord(value: Record<string, unknown>): KeyRecord | undefined {
  const { format, kind, purpose, repository, nonce, wrapped, scrypt } = value;
  if (
    typeof format !== 'number' ||
    (kind !== 'key' && kind !== 'passphrase') ||
    (purpose !== 'primary' && purpose !== 'recovery')
  )
    return undefined;
  if (typeof repository !== 'string' || typeof nonce !== 'string' || typeof wrapped !== 'string') return undefined;
  const base: KeyRecord = { format, kind, purpose, repository, nonce, wrapped };
  // What a newer version wraps may be longer.
  if (format <= repositoryFormat && !isWrapped(base)) return undefined;
  if (kind === 'key') return base;
  if (typeof scrypt !== 'object' || scrypt === null) return undefined;
  const { n, r, p, salt } = scrypt as Record<string, unknown>;
  if (typeof n !== 'number' || typeof r !== 'number' || typeof p !== 'number' || typeof salt !== 'string')
    return undefined;
  if (!arePayable({ n, r, p }) || !/^(?:[0-9a-f]{2})+$/.test(salt)) return undefined;
  return { ...base, scrypt: { n, r, p, salt } };
}
