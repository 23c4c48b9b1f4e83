import { LifeboatError } from '../domain/errors.ts';

/** A part of a key. No leading dot: those names belong to the storage itself (staged objects, versions). */
const part = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/** Throws InputInvalid unless the key is relative and made of plain parts. */
export function assertKey(key: string): void {
  if (key.length > 512 || !key.split('/').every((name) => part.test(name))) {
    throw new LifeboatError('InputInvalid', `storage key ${JSON.stringify(key)} is not made of plain parts`);
  }
}

/** A prefix is empty or a folder that ends in `/`. */
export function assertPrefix(prefix: string): void {
  if (prefix === '') return;
  if (!prefix.endsWith('/'))
    throw new LifeboatError('InputInvalid', `storage prefix ${JSON.stringify(prefix)} does not end in /`);
  assertKey(prefix.slice(0, -1));
}

/** Objects that are never replaced. */
const immutable = ['packs/', 'indexes/', 'manifests/'];

export function isImmutable(key: string): boolean {
  return immutable.some((prefix) => key.startsWith(prefix));
}
