/**
 * An index: the list of a component's entries, one sealed frame. A line is an entry, or a part: blocks in packs whose text
 * holds the lines of many entries. So what did not change since the last index is named again, and not written again.
 */
import type { BlockRef, IndexEntry } from '../domain/entry.ts';
import { LifeboatError, isLifeboatError } from '../domain/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { frameKinds } from './frame.ts';
import { freeBytes } from './free-bytes.ts';
import type { Opener, Sealer } from './frame.ts';
import { layout, repositoryFormat } from './layout.ts';
import { linesOf } from './lines.ts';
import { blockIn, unpackFrameOf } from './open-block.ts';
import { parseEntry, parseRefs } from './parse-entry.ts';
import { parseHead } from './parse-head.ts';
import { planReads, readRanges } from './reader/ranges.ts';
import type { IndexHead } from './index-head.ts';

/** Parts that are read ahead: on a distant storage each takes the time of a request. */
const partsAhead = 8;

export interface Index {
  readonly id: string;
  readonly head: IndexHead;
  /** Entries and parts as they stand. */
  readonly lines: readonly string[];
}

export function encodeIndex({ id, head, lines }: Index, sealer: Sealer): Buffer {
  const packs = [...head.packs].map(([number, { id: pack, size }]) => [number, pack, size]);
  const first = JSON.stringify({ index: id, format: repositoryFormat, ...head, packs });
  return sealer.frame(frameKinds.index, Buffer.from(`${[first, ...lines].join('\n')}\n`));
}

/** The index object alone, without its parts. ObjectMissing, ObjectCorrupt, ManifestInvalid, FormatTooNew. */
export async function readIndexObject(storage: Storage, id: string, opener: Opener): Promise<Index> {
  const key = indexKey(id);
  const bytes = await storage.read(key).catch((error: unknown) => {
    if (isLifeboatError(error, 'ObjectMissing'))
      throw new LifeboatError('ObjectMissing', `object ${key} is gone`, { cause: error });
    throw error;
  });
  return decodeIndex(bytes, id, opener);
}

/** The same of bytes that were read. */
export function decodeIndex(bytes: Uint8Array, id: string, opener: Opener): Index {
  const key = indexKey(id);
  const [first = '', ...lines] = linesOf(openFrame(bytes, key, opener), key);
  const { index, ...head } = parseHead(first, id);
  if (index !== id) throw corrupt(key, `holds index ${index}`);
  // Whoever has the index need not expect a malformed part later.
  for (const line of lines) partOf(line, id);
  return { id, head, lines };
}

/** What it needs and holds in all. */
export async function readIndexHead(storage: Storage, id: string, opener: Opener): Promise<IndexHead> {
  return (await readIndexObject(storage, id, opener)).head;
}

/** Streams the entries, all authenticated. ObjectMissing, ObjectCorrupt, ManifestInvalid, FormatTooNew. */
export async function* readIndexEntries(
  storage: Storage,
  id: string,
  opener: Opener,
  signal?: AbortSignal,
): AsyncGenerator<IndexEntry, void> {
  const index = await readIndexObject(storage, id, opener);
  let entries = 0;
  for await (const lines of readLines(index, { storage, opener }, signal)) {
    for (const line of lines) yield parseEntry(line, id);
    entries += lines.length;
  }
  if (index.head.entries !== entries)
    throw corrupt(layout.index(id), `holds ${entries} entries where it counts ${index.head.entries}`);
}

export interface PartSource {
  readonly storage: Storage;
  readonly opener: Opener;
  /** Told of each block of a part that was read and is what the index names. */
  readonly onPart?: (ref: BlockRef) => void;
}

/** The lines of all entries in order, some at a time. ObjectMissing, ObjectCorrupt, ManifestInvalid. */
export async function* readLines(
  index: Index,
  from: PartSource,
  signal?: AbortSignal,
): AsyncGenerator<readonly string[], void> {
  const ahead: Promise<readonly string[]>[] = [];
  let next = 0;
  const readAhead = (): void => {
    for (; ahead.length < partsAhead && next < index.lines.length; next += 1) {
      const refs = partOf(index.lines[next] ?? '', index.id);
      // A few lines that are none of a part are handed on as they are.
      const lines = refs === undefined ? Promise.resolve([index.lines[next] ?? '']) : readPart(refs, index, from);
      lines.catch(() => undefined);
      ahead.push(lines);
    }
  };
  for (readAhead(); ahead.length > 0; readAhead()) {
    signal?.throwIfAborted();
    yield (await ahead.shift()) ?? [];
  }
}

/** The blocks of a part; undefined for the line of an entry. ManifestInvalid. */
export function partOf(line: string, indexId: string): readonly BlockRef[] | undefined {
  return line.startsWith('[') ? parseRefs(line, indexId) : undefined;
}

async function readPart(
  refs: readonly BlockRef[],
  index: Pick<Index, 'id' | 'head'>,
  from: PartSource,
): Promise<readonly string[]> {
  const { blocks, ranges } = await readBlocks(refs, index, from);
  for (const ref of refs) from.onPart?.(ref);
  // The garbage collector would let a hundred megabytes of them come together.
  const [only, another] = blocks;
  const text = only !== undefined && another === undefined ? only : Buffer.concat(blocks);
  const lines = linesOf(text, layout.index(index.id));
  for (const bytes of [text, ...blocks, ...ranges]) freeBytes(bytes);
  return lines;
}

/** Reads blocks of a part and compares them with what the index names. ObjectMissing, ObjectCorrupt. */
export async function provePart(
  refs: readonly BlockRef[],
  index: Pick<Index, 'id' | 'head'>,
  from: PartSource,
): Promise<void> {
  const { blocks, ranges } = await readBlocks(refs, index, from);
  for (const bytes of [...blocks, ...ranges]) freeBytes(bytes);
}

async function readBlocks(
  refs: readonly BlockRef[],
  { id, head }: Pick<Index, 'id' | 'head'>,
  { storage, opener }: PartSource,
): Promise<{ readonly blocks: readonly Buffer[]; readonly ranges: readonly Uint8Array[] }> {
  const plan = planReads(refs, head.packs);
  const ranges = await readRanges(storage, plan);
  const blocks = plan.blocks.map((block) => {
    const frame = ranges[block.range]?.subarray(block.at, block.at + block.length) ?? new Uint8Array(0);
    try {
      return blockIn(unpackFrameOf(block, frame, opener), block);
    } catch (error) {
      throw corrupt(block.object, `, a part of index ${id}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  return { blocks, ranges };
}

function openFrame(frame: Uint8Array, key: string, opener: Opener): Buffer {
  try {
    return opener.open(frame, frameKinds.index);
  } catch (error) {
    throw corrupt(key, error instanceof Error ? error.message : String(error));
  }
}

/** An index id comes from manifests and receipts: it must not name another object. */
function indexKey(indexId: string): string {
  if (!/^[0-9a-f]{32}$/.test(indexId))
    throw new LifeboatError('ManifestInvalid', `index id ${JSON.stringify(indexId)} is malformed`);
  return layout.index(indexId);
}

function corrupt(key: string, reason: string): LifeboatError {
  return new LifeboatError('ObjectCorrupt', `object ${key} ${reason}`);
}
