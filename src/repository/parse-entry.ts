/** Turns a line of an index into an entry; anything unexpected is ManifestInvalid before it is used. */
import { faultOfAttributes, isBase64 } from '../domain/attributes.ts';
import type { BlockRef, IndexEntry } from '../domain/entry.ts';
import { LifeboatError } from '../domain/errors.ts';
import { parseJson } from '../json/parse-json.ts';
import type { FileTail } from '../entries/entry-line.ts';
import { entryKey } from './entry-path.ts';

const types = ['file', 'directory', 'symlink', 'hardlink'];
/** No writer makes a larger one, nor a larger bundle; a reader has room for so much. */
export const largestBlock = 4 * 1024 * 1024;
/** A part is read as a whole. */
const largestPart = 256 * 1024 * 1024;

export function parseEntry(line: string, indexId: string): IndexEntry {
  const value = parseLine(line, indexId);
  if (!isRecord(value) || typeof value['path'] !== 'string') throw invalid(indexId, 'an entry has no path');
  const { path } = value;
  const isSound =
    types.includes(String(value['type'])) &&
    isCount(value['mode']) &&
    isCount(value['uid']) &&
    isCount(value['gid']) &&
    isDecimal(value['mtimeNs']) &&
    [value['pathBase64'], value['targetBase64']].every((bytes) => bytes === undefined || isBase64(bytes)) &&
    (value['type'] === 'file' ? isFile(value) : value['type'] === 'directory' || typeof value['target'] === 'string');
  if (!isSound) throw invalid(indexId, `entry ${JSON.stringify(path)} is malformed`);
  const fault = faultOfXattrs(value);
  if (fault !== undefined)
    throw invalid(indexId, `entry ${JSON.stringify(path)} is malformed: its attributes ${fault}`);
  const entry = value as unknown as IndexEntry;
  entryKey(entry);
  return entry;
}

/** What stands behind the head of an unchanged file's line. */
export function parseTail(text: string, size: number, indexId: string): FileTail {
  const value = parseLine(text, indexId);
  const isSound = isRecord(value) && isFile({ ...value, size });
  const fault = isSound ? faultOfXattrs({ type: 'file', xattrs: value['xattrs'] }) : 'are malformed';
  if (fault !== undefined) throw invalid(indexId, `what stands behind the head of an entry: ${fault}`);
  return value as unknown as FileTail;
}

/** The blocks of a part. */
export function parseRefs(line: string, indexId: string): readonly BlockRef[] {
  const value = parseLine(line, indexId);
  if (!Array.isArray(value) || value.length === 0 || !value.every(isBlock))
    throw invalid(indexId, 'a part is malformed');
  if (value.reduce((bytes, [, , , , plainLength]) => bytes + plainLength, 0) > largestPart)
    throw invalid(indexId, 'a part is too large');
  return value;
}

function parseLine(line: string, indexId: string): unknown {
  try {
    return parseJson(line);
  } catch (error) {
    throw invalid(indexId, 'a line is not JSON', error);
  }
}

function faultOfXattrs({ type, xattrs }: Record<string, unknown>): string | undefined {
  if (xattrs === undefined) return undefined;
  return type === 'file' || type === 'directory' ? faultOfAttributes(xattrs) : `belong to a ${String(type)}`;
}

function isFile(value: Record<string, unknown>): boolean {
  if (!isCount(value['size']) || !Array.isArray(value['blocks'])) return false;
  if (value['sha256'] !== undefined && !isHex(value['sha256'], 64)) return false;
  let size = 0;
  for (const block of value['blocks'] as unknown[]) {
    if (!isBlock(block)) return false;
    size += block[4];
  }
  return size === value['size'];
}

function isBlock(value: unknown): value is BlockRef {
  if (!Array.isArray(value) || value.length < 5 || value.length > 6) return false;
  const [pack, offset, length, digest, plainLength, at] = value as unknown[];
  return (
    isCount(pack) &&
    isCount(offset) &&
    isCount(length) &&
    isHex(digest, 64) &&
    isCount(plainLength) &&
    plainLength > 0 &&
    plainLength <= largestBlock &&
    (value.length === 5 || (isCount(at) && at > 0))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isDecimal(value: unknown): boolean {
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value);
}

function isHex(value: unknown, digits: number): boolean {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);
}

function invalid(indexId: string, reason: string, cause?: unknown): LifeboatError {
  return new LifeboatError('ManifestInvalid', `index ${indexId}: ${reason}`, { cause });
}
