/**
 * An entry as a line of an index. What a walk tells of a file stands in front, so that an unchanged file is known by the
 * begin of its line, and the rest of it is taken over as it stands.
 */
import type { BlockRef, EntryMeta, FileEntry, IndexEntry } from '../domain/entry.ts';
import { toJson } from '../json/to-json.ts';

/** What may stand behind the head of a file's line. */
export type FileTail = Pick<FileEntry, 'sparse' | 'xattrs' | 'sha256' | 'changedDuringRead' | 'blocks'>;

type Head = Omit<EntryMeta, 'xattrs' | 'sparse' | 'changedDuringRead'> & { readonly size?: number };

export function lineOf(entry: IndexEntry): string {
  const { xattrs, sparse, changedDuringRead, ...rest } = entry;
  if (entry.type !== 'file' || !('blocks' in rest))
    return `${headOf(rest).slice(0, -1)}${xattrs === undefined ? '' : `,"xattrs":${toJson(xattrs)}`}}`;
  const { blocks, sha256, ...head } = rest as Head & { readonly blocks: readonly BlockRef[]; readonly sha256?: string };
  const tail: FileTail = {
    ...(sparse === true && { sparse }),
    ...(xattrs !== undefined && { xattrs }),
    ...(changedDuringRead === true && { changedDuringRead }),
    ...(sha256 !== undefined && { sha256 }),
    blocks,
  };
  return lineAfter(headOf(head), tail);
}

/** The begin of a line as an object of its own. */
export function headOf(head: Head): string {
  const { path, pathBase64, type, mode, mtimeNs, uid, gid, user, group, target, targetBase64, size, source } = head;
  return toJson({
    path,
    pathBase64,
    type,
    mode,
    mtimeNs,
    uid,
    gid,
    user,
    group,
    target,
    targetBase64,
    size,
    source: source && { ctimeNs: source.ctimeNs, inode: source.inode, attributes: source.attributes },
  });
}

/** What follows the head in the line, as JSON; undefined where the line begins otherwise. */
export function tailAfter(line: string, head: string): string | undefined {
  const begin = head.length - 1;
  return line.startsWith(head.slice(0, begin)) && line[begin] === ',' ? `{${line.slice(begin + 1)}` : undefined;
}

/** The head of a line without what it says of its source's attributes, or of its source at all. */
export function headWithout(head: string, what: 'attributes' | 'source'): string {
  if (what === 'attributes') return head.replace(/,"attributes":true\}\}$/, '}}');
  const at = head.lastIndexOf(',"source":{');
  return at < 0 ? head : `${head.slice(0, at)}}`;
}

/** A whole line of its head and what stands behind it. */
export function lineAfter(head: string, tail: FileTail): string {
  return `${head.slice(0, -1)},${toJson(tail).slice(1)}`;
}

/** The path by which a line of ours begins; undefined where only parsing tells it. */
export function pathOfLine(line: string): string | undefined {
  if (!line.startsWith(pathBegin)) return undefined;
  const end = line.indexOf('"', pathBegin.length);
  const path = line.slice(pathBegin.length, end);
  // Names that are escaped, not ASCII, or carry their bytes apart.
  const isPlain = end > 0 && /^[ !#-[\]-~]+$/.test(path) && !line.startsWith(',"pathBase64"', end + 1);
  return isPlain ? path : undefined;
}

const pathBegin = '{"path":"';
