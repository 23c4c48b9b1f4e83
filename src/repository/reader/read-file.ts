import { reservedFolder, type BlockRef, type FileEntry, type IndexEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Opener } from '../frame.ts';
import { readIndexEntries, readIndexHead, readIndexObject } from '../index-object.ts';
import { blockIn, unpackFrameOf } from '../open-block.ts';
import { parseEntry } from '../parse-entry.ts';
import type { StoredBlock } from '../threads/jobs.ts';
import { planReads, readRanges } from './ranges.ts';

interface Context {
  readonly storage: Storage;
  readonly opener: Opener;
}

/** A file that is larger does not belong into memory. */
const limitBytes = 256 * 1024 * 1024;
/** Stored bytes that a stream holds at once, about. */
const batchBytes = 4 * 1024 * 1024;

export async function readSmallFile(context: Context, indexId: string, path: string): Promise<Uint8Array | undefined> {
  for await (const entry of entriesWith(context, indexId, path)) {
    if (entry.type !== 'file' || entry.path !== path || entry.pathBase64 !== undefined) continue;
    if (entry.size > limitBytes) {
      throw new LifeboatError('InputInvalid', `file ${path} has ${entry.size} bytes, too many to read into memory`);
    }
    const blocks: Uint8Array[] = [];
    for await (const block of streamFile(context, indexId, entry)) blocks.push(block);
    return Buffer.concat(blocks);
  }
  return undefined;
}

/** Entries of the reserved folder stand in the index itself: none of its parts is read for them. */
async function* entriesWith(
  { storage, opener }: Context,
  indexId: string,
  path: string,
): AsyncGenerator<IndexEntry, void> {
  if (path.startsWith(`${reservedFolder}/`)) {
    const { lines } = await readIndexObject(storage, indexId, opener);
    for (const line of lines) if (line.startsWith('{')) yield parseEntry(line, indexId);
  }
  yield* readIndexEntries(storage, indexId, opener);
}

/** Block after block, each compared with the digest that the index names. */
export async function* streamFile(
  { storage, opener }: Context,
  indexId: string,
  entry: FileEntry,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const { packs } = await readIndexHead(storage, indexId, opener);
  for (const refs of batchesOf(entry.blocks)) {
    const plan = planReads(refs, packs);
    const ranges = await readRanges(storage, plan);
    for (const block of plan.blocks) {
      signal?.throwIfAborted();
      const { range, at, length } = block;
      yield openNamed(opener, ranges[range]?.subarray(at, at + length) ?? new Uint8Array(0), block, entry.path);
    }
  }
}

function* batchesOf(refs: readonly BlockRef[]): Generator<readonly BlockRef[], void> {
  let begin = 0;
  let bytes = 0;
  for (const [index, [, , length]] of refs.entries()) {
    bytes += length;
    if (bytes < batchBytes) continue;
    yield refs.slice(begin, index + 1);
    begin = index + 1;
    bytes = 0;
  }
  if (begin < refs.length) yield refs.slice(begin);
}

function openNamed(opener: Opener, frame: Uint8Array, block: StoredBlock, path: string): Buffer {
  try {
    return blockIn(unpackFrameOf(block, frame, opener), block);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LifeboatError('ObjectCorrupt', `object ${block.object}, file ${path}: ${reason}`);
  }
}
