/** Turns a line of an index into an entry; anything unexpected is ManifestInvalid before it is used. */
import { faultOfAttributes, isBase64 } from '../domain/attributes.ts';
import type { BlockRef, IndexEntry } from '../domain/entry.ts';
import { LifeboatError } from '../domain/errors.ts';
import { parseJson } from '../json/parse-json.ts';
import { pathBytes } from './entry-path.ts';

const types = ['file', 'directory', 'symlink', 'hardlink'];
/** No writer makes a larger one; a reader has room for so much. */
const largestBlock = 4 * 1024 * 1024;

export function parseEntry(line: string, indexId: string): IndexEntry {
  let value: unknown;
  try {
    value = parseJson(line);
  } catch (error) {
    throw invalid(indexId, 'a line is not JSON', error);
  }
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
  pathBytes(entry);
  return entry;
}

function faultOfXattrs({ type, xattrs }: Record<string, unknown>): string | undefined {
  if (xattrs === undefined) return undefined;
  return type === 'file' || type === 'directory' ? faultOfAttributes(xattrs) : `belong to a ${String(type)}`;
}

function isFile(value: Record<string, unknown>): boolean {
  if (!isCount(value['size']) || !isHex(value['sha256'], 64) || !Array.isArray(value['blocks'])) return false;
  let size = 0;
  for (const block of value['blocks'] as unknown[]) {
    if (!isBlock(block)) return false;
    size += block[4];
  }
  return size === value['size'];
}

function isBlock(value: unknown): value is BlockRef {
  if (!Array.isArray(value) || value.length !== 5) return false;
  const [pack, offset, length, id, plainLength] = value as unknown[];
  return (
    isCount(pack) &&
    isCount(offset) &&
    isCount(length) &&
    isHex(id, 64) &&
    isCount(plainLength) &&
    plainLength > 0 &&
    plainLength <= largestBlock
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
