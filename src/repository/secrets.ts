/**
 * The three keys of an encrypted repository, and how they are wrapped. They are made once by `initRepository` and never
 * change; what wraps them (a key file, a passphrase, the recovery kit) can.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, scrypt } from 'node:crypto';
import { LifeboatError } from '../domain/errors.ts';

export interface Secrets {
  /** Frame keys are derived from it, one per salt. */
  readonly dataKey: Uint8Array;
  /** Ids of frames: HMAC-SHA-256 of the digest of what they hold. */
  readonly idKey: Uint8Array;
  /** Manifests, proofs and every other JSON document. */
  readonly macKey: Uint8Array;
}

/** scrypt costs of a new passphrase record: 128 MiB, about 0.4 s. */
export const scryptCosts = { n: 131072, r: 8, p: 1 } as const;

export interface WrappedSecrets {
  /** Base64, 12 bytes. */
  readonly nonce: string;
  /** Base64: 96 bytes of ciphertext (data key, id key, MAC key) and the 16 byte tag. */
  readonly wrapped: string;
}

export function createSecrets(): Secrets {
  return { dataKey: randomBytes(32), idKey: randomBytes(32), macKey: randomBytes(32) };
}

/** `opening` is the 32 byte key, or what scrypt made of a passphrase. */
export function wrapSecrets(secrets: Secrets, opening: Uint8Array, recordId: string): WrappedSecrets {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', wrappingKey(opening, recordId), nonce);
  cipher.setAAD(additionalData(recordId));
  const text = cipher.update(Buffer.concat([secrets.dataKey, secrets.idKey, secrets.macKey]));
  cipher.final();
  return { nonce: nonce.toString('base64'), wrapped: Buffer.concat([text, cipher.getAuthTag()]).toString('base64') };
}

/** Whether the two have the lengths that `wrapSecrets` gives them. */
export function isWrapped({ nonce, wrapped }: WrappedSecrets): boolean {
  return Buffer.from(nonce, 'base64').length === 12 && Buffer.from(wrapped, 'base64').length === 112;
}

/** Undefined if this key does not open this record. */
export function unwrapSecrets(record: WrappedSecrets, opening: Uint8Array, recordId: string): Secrets | undefined {
  if (!isWrapped(record)) return undefined;
  const bytes = Buffer.from(record.wrapped, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', wrappingKey(opening, recordId), Buffer.from(record.nonce, 'base64'));
  decipher.setAAD(additionalData(recordId));
  decipher.setAuthTag(bytes.subarray(96));
  const plain = decipher.update(bytes.subarray(0, 96));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return { dataKey: plain.subarray(0, 32), idKey: plain.subarray(32, 64), macKey: plain.subarray(64, 96) };
}

export interface ScryptCosts {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** What scrypt can work with, within 1 GiB: a hostile record must not make us allocate and reckon without end. */
export function arePayable(costs: ScryptCosts): boolean {
  const { n, r, p } = costs;
  if (![n, r, p].every((each) => Number.isSafeInteger(each) && each > 0) || n < 2) return false;
  return Number.isInteger(Math.log2(n)) && memoryOf(costs) <= 1024 ** 3;
}

/** Work grows with it. */
export function memoryOf({ n, r, p }: ScryptCosts): number {
  return 128 * n * r * p;
}

export async function stretchPassphrase(passphrase: string, salt: Uint8Array, costs: ScryptCosts): Promise<Buffer> {
  const { n, r, p } = costs;
  if (!arePayable(costs)) throw new LifeboatError('Internal', `scrypt cannot work with ${n}, ${r}, ${p}`);
  const memory = memoryOf(costs);
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), salt, 32, { N: n, r, p, maxmem: memory + 32 * 1024 * 1024 }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

/** Id of a content by its SHA-256: keyed in an encrypted repository, so that a stranger cannot guess a file by its hash. */
export function contentId(secrets: Secrets | undefined, digest: Uint8Array): Uint8Array {
  return secrets === undefined ? digest : createHmac('sha256', secrets.idKey).update(digest).digest();
}

export function frameKey(secrets: Secrets, salt: Uint8Array): Buffer {
  return createHmac('sha256', secrets.dataKey).update('lifeboat-frame-1\n').update(salt).digest();
}

function wrappingKey(opening: Uint8Array, recordId: string): Buffer {
  return createHmac('sha256', opening).update(`lifeboat-wrap-1\n${recordId}`).digest();
}

function additionalData(recordId: string): Buffer {
  return Buffer.from(`lifeboat-key-1\n${recordId}\n`);
}
