import { LifeboatError } from '../domain/errors.ts';

/** A part of a key. No leading dot: those names belong to the storage itself (staged objects, versions). */
const part = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const longest = 512;

/** Whether an object may have this key: relative and made of plain parts. */
export function isKey(key: string): boolean {
  return key.length <= longest && key.split('/').every((name) => part.test(name));
}

/** Throws InputInvalid unless the key is one. */
export function assertKey(key: string): void {
  if (!isKey(key))
    throw new LifeboatError('InputInvalid', `storage key ${JSON.stringify(key)} is not made of plain parts`);
}

/** A prefix is empty or a folder that ends in `/`. */
export function assertPrefix(prefix: string): void {
  if (prefix === '') return;
  if (!prefix.endsWith('/'))
    throw new LifeboatError('InputInvalid', `storage prefix ${JSON.stringify(prefix)} does not end in /`);
  assertKey(prefix.slice(0, -1));
}

/** Whether a file in an object's folder of versions is one: written as a storage counts, and so that it can be counted on. */
export function isVersion(name: string): boolean {
  return /^[1-9]\d{0,14}$/.test(name);
}

/** Folders whose objects are never replaced. */
const immutable = ['packs/', 'indexes/', 'manifests/', 'keys/', 'proofs/', 'holds/', 'tombstones/', 'damaged/'];

/** Whether the object of a key is never replaced; for a folder, whether no object below it is. */
export function isImmutable(key: string): boolean {
  if (key === 'repository.json' || immutable.some((prefix) => key.startsWith(prefix))) return true;
  // Of archived WAL two kinds change: how far it reaches, and a history that was found damaged.
  return key.startsWith('wal/') && !/(?:\/|\/coverage\.json|\.history)$/.test(key);
}

/**
 * On a disk, whether the object is the file of its own name and nothing else, or of a folder, whether all below it are:
 * what is never replaced, and what people run and read under that name. What lies in the folder of versions under such a
 * key is not read.
 */
export function isPlain(key: string): boolean {
  return isImmutable(key) || key === 'restore.sh' || key === 'RESTORE.md';
}
