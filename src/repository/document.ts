/**
 * JSON documents of a repository (repository.json, keys, manifests, proofs, intents, leases, reports): readable text
 * whose last member is `mac`. It covers the document's key, a line feed, and every byte before `,\n  "mac"`; what
 * follows is always 80 bytes, so that a shell script can cut it off.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';
import { parseJson } from '../json/parse-json.ts';
import { toJson } from '../json/to-json.ts';
import type { Secrets } from './secrets.ts';

const tailBytes = 80;
const tail = /^,\n  "mac": "([0-9a-f]{64})"\n\}\n$/;

export function encodeDocument(key: string, value: object, secrets: Secrets | undefined): Buffer {
  const text = toJson(value, 2);
  if (text.length < 4) throw new LifeboatError('Internal', `document ${key} is empty`);
  const covered = text.slice(0, -2);
  return Buffer.from(`${covered},\n  "mac": "${macOf(key, Buffer.from(covered), secrets)}"\n}\n`);
}

/** The parsed value without `mac`. Throws `code` if any byte is not what was written under this key. */
export function decodeDocument(key: string, bytes: Uint8Array, secrets: Secrets | undefined, code: ErrorCode): unknown {
  const value = parseDocument(key, bytes, code);
  const covered = bytes.subarray(0, bytes.length - tailBytes);
  const found = tail.exec(Buffer.from(bytes.subarray(bytes.length - tailBytes)).toString('latin1'))?.[1];
  if (found === undefined) throw new LifeboatError(code, `${key} does not end in its authentication code`);
  if (!timingSafeEqual(Buffer.from(found), Buffer.from(macOf(key, covered, secrets)))) {
    throw new LifeboatError(
      code,
      `${key} does not authenticate: it is damaged, or was not written with this repository's key`,
    );
  }
  const { mac, ...rest } = value;
  if (mac !== found) throw new LifeboatError(code, `${key} has two authentication codes`);
  return rest;
}

/** Whether the bytes are what was written under this key. */
export function isDocument(key: string, bytes: Uint8Array, secrets: Secrets | undefined): boolean {
  try {
    decodeDocument(key, bytes, secrets, 'ObjectCorrupt');
    return true;
  } catch (error) {
    if (!isLifeboatError(error, 'ObjectCorrupt')) throw error;
    return false;
  }
}

/** Parsed but not authenticated: for what must be read before the keys are known. */
export function parseDocument(key: string, bytes: Uint8Array, code: ErrorCode): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new LifeboatError(code, `${key} is not JSON`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new LifeboatError(code, `${key} is not a JSON object`);
  return { ...value };
}

/**
 * Whether the error tells of one object: it is damaged, gone, or closed to us. Then the others still count; a storage that
 * does not answer, or a newer format, is a reason to stop.
 */
export function isUnreadable(error: unknown): error is LifeboatError {
  return isLifeboatError(error, 'ObjectCorrupt', 'ManifestInvalid', 'ObjectMissing', 'PermissionDenied');
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function macOf(key: string, covered: Uint8Array, secrets: Secrets | undefined): string {
  const hash = secrets === undefined ? createHash('sha256') : createHmac('sha256', secrets.macKey);
  return hash.update(`${key}\n`).update(covered).digest('hex');
}
