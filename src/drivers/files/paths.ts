/**
 * The paths of a files component: configured as absolute paths, listed in the index without the leading `/`.
 * Names are bytes: an entry whose name is not UTF-8 carries them in `pathBase64`.
 */
import { resolve } from 'node:path';
import { reservedFolder, type EntryMeta } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import { compareInWalk } from '../../domain/path-order.ts';

/** Configured paths without those that lie inside another one, in the configured order. */
export function rootsOf(paths: readonly string[]): string[] {
  const plain = [...new Set(paths.map((path) => resolve(path)))];
  return plain.filter((path) => !plain.some((other) => other !== path && isInside(path, other)));
}

/** The same in the order of a walk, so that entries stand in the index as the next capture meets them. */
export function rootsInWalk(paths: readonly string[]): string[] {
  const bytes = (text: string): string => Buffer.from(text).toString('latin1');
  return rootsOf(paths).sort((a, b) => compareInWalk(bytes(a), bytes(b)));
}

/** Compares whole parts: `/a/bc` is not inside `/a/b`. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

export function isReserved(path: string): boolean {
  return path === reservedFolder || path.startsWith(`${reservedFolder}/`);
}

/** `path`, and `pathBase64` where the name is not UTF-8, for an absolute path in bytes. */
export function entryPath(absolute: Buffer): Pick<EntryMeta, 'path' | 'pathBase64'> {
  const bytes = absolute.subarray(1);
  const path = bytes.toString('utf8');
  return Buffer.from(path).equals(bytes) ? { path } : { path, pathBase64: bytes.toString('base64') };
}

/** `target`, and `targetBase64` where the text of a symbolic link is not UTF-8. */
export function linkTarget(text: Buffer): Pick<EntryMeta, 'target' | 'targetBase64'> {
  const target = text.toString('utf8');
  return Buffer.from(target).equals(text) ? { target } : { target, targetBase64: text.toString('base64') };
}

/** The text of a symbolic link as it stands. */
export function linkBytes({ target = '', targetBase64 }: Pick<EntryMeta, 'target' | 'targetBase64'>): Buffer {
  return targetBase64 === undefined ? Buffer.from(target) : Buffer.from(targetBase64, 'base64');
}

/** The entry's own bytes below `/`. */
export function pathBytes(entry: Pick<EntryMeta, 'path' | 'pathBase64'>): Buffer {
  return entry.pathBase64 === undefined ? Buffer.from(entry.path) : Buffer.from(entry.pathBase64, 'base64');
}

/**
 * The configured path that an entry of an index belongs to. ManifestInvalid where there is none: nothing outside of
 * the configured paths is ever written. (That paths are plain and lead through no link is the repository's to check.)
 */
export function admittedRoot(
  entry: Pick<EntryMeta, 'path' | 'pathBase64'>,
  roots: readonly string[],
  component: string,
): string {
  // The bytes decide where it is written, whatever the text for people says.
  const bytes = pathBytes(entry).toString('latin1');
  const root = roots.find((candidate) => isInside(`/${bytes}`, Buffer.from(candidate).toString('latin1')));
  if (root !== undefined) return root;
  throw new LifeboatError('ManifestInvalid', `\`/${entry.path}\` in the index lies outside of the configured paths`, {
    component,
    hint: 'configure the path again, or fetch it by hand with restore.sh',
  });
}
