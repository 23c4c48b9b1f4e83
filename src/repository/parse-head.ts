/** Turns the first line of an index into its head; anything unexpected is ManifestInvalid before it is used. */
import { LifeboatError } from '../domain/errors.ts';
import { parseJson } from '../json/parse-json.ts';
import { repositoryFormat } from './layout.ts';
import type { IndexHead, PackRecord } from './index-head.ts';

/** Tables in memory hold numbers of packs, and places in packs, in 32 bits. */
const limit = 2 ** 32;

/** `index` is the id of which it says that it is. ManifestInvalid, FormatTooNew. */
export function parseHead(line: string, indexId: string): IndexHead & { readonly index: string } {
  const value = parseLine(line, indexId);
  const { index, format, component, packs, entries, files, bytes, blocks } = value;
  if (typeof format === 'number' && format > repositoryFormat)
    throw new LifeboatError(
      'FormatTooNew',
      `index ${indexId} has format ${format}, this version reads up to ${repositoryFormat}`,
    );
  const isSound =
    format === repositoryFormat &&
    typeof index === 'string' &&
    typeof component === 'string' &&
    [entries, files, bytes, blocks].every(isCount);
  if (!isSound) throw invalid(indexId, 'its first line is malformed');
  return { ...(value as unknown as IndexHead), index, packs: parsePacks(packs, indexId) };
}

function parsePacks(value: unknown, indexId: string): ReadonlyMap<number, PackRecord> {
  if (!Array.isArray(value) || !value.every(isPack)) throw invalid(indexId, 'its table of packs is malformed');
  const packs = new Map(value.map(([number, id, size]) => [number, { id, size }]));
  if (packs.size !== value.length) throw invalid(indexId, 'its table of packs has a number twice');
  return packs;
}

function parseLine(line: string, indexId: string): Record<string, unknown> {
  try {
    const value = parseJson(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw invalid(indexId, 'its first line is malformed');
}

function isPack(value: unknown): value is [number: number, id: string, size: number] {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [number, id, size] = value as unknown[];
  return isShort(number) && typeof id === 'string' && /^[0-9a-f]{64}$/.test(id) && isShort(size);
}

function isShort(value: unknown): boolean {
  return isCount(value) && value < limit;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function invalid(indexId: string, reason: string): LifeboatError {
  return new LifeboatError('ManifestInvalid', `index ${indexId}: ${reason}`);
}
