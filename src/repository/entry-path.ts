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
  if (isUnsafe(bytes.toString('latin1'))) throw unsafe(bytes.toString('utf8'));
}

/** A zero byte, or a part that is empty, `.` or `..`. */
function isUnsafe(latin1: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the zero byte is what is looked for.
  return /(?:^|\/)\.{0,2}(?:\/|$)|\u0000/.test(latin1);
}

function unsafe(path: string): LifeboatError {
  return new LifeboatError('ManifestInvalid', `path ${JSON.stringify(path)} is not a plain relative path`);
}

/** `pathKey` of the name's bytes. Throws as `pathBytes`. */
export function entryKey(entry: Pick<EntryMeta, 'path' | 'pathBase64'>): string {
  // oxlint-disable-next-line no-control-regex -- all of ASCII: its bytes are its text.
  if (entry.pathBase64 !== undefined || !/^[\u0000-\u007f]*$/.test(entry.path)) return pathKey(pathBytes(entry));
  if (isUnsafe(entry.path)) throw unsafe(entry.path);
  return entry.path;
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
