/** Paths of entries: what an index may name. Checked at capture, at every read of an index, and before a restore writes. */
import { LifeboatError } from '../domain/errors.ts';
import type { EntryMeta } from '../domain/entry.ts';

const slash = 0x2f;

/** The name's bytes: `pathBase64` where the name is not UTF-8. Throws ManifestInvalid for a path that leaves its folder. */
export function pathBytes(entry: Pick<EntryMeta, 'path' | 'pathBase64'>): Buffer {
  const text = Buffer.from(entry.path, 'utf8');
  assertSafePath(text);
  if (entry.pathBase64 === undefined) return text;
  const bytes = Buffer.from(entry.pathBase64, 'base64');
  assertSafePath(bytes);
  return bytes;
}

export function assertSafePath(bytes: Buffer): void {
  const text = bytes.toString('latin1');
  if (text.includes('\0') || text.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw new LifeboatError(
      'ManifestInvalid',
      `path ${JSON.stringify(bytes.toString('utf8'))} is not a plain relative path`,
    );
  }
}

/** Every folder above a path, nearest last: `a/b/c` gives `a`, `a/b`, and `/a/b` gives `/a`. */
export function foldersAbove(path: Buffer): Buffer[] {
  const above: Buffer[] = [];
  for (let at = path.indexOf(slash, 1); at > 0; at = path.indexOf(slash, at + 1)) above.push(path.subarray(0, at));
  return above;
}

/** A key for sets and maps that keeps every byte. */
export function pathKey(path: Buffer): string {
  return path.toString('latin1');
}
