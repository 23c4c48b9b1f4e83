import { createHash } from 'node:crypto';
import type { BlockRef, FileEntry } from '../../domain/entry.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { frameKinds } from '../frame.ts';
import type { Opener } from '../frame.ts';
import { readIndexFooter, readIndexObject } from '../index-object.ts';
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
  for await (const entry of readIndexObject(context.storage, indexId, context.opener)) {
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

/** Block after block, each compared with its id; at the end the whole with the file's SHA-256. */
export async function* streamFile(
  { storage, opener }: Context,
  indexId: string,
  entry: FileEntry,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const { packs } = await readIndexFooter(storage, indexId, opener);
  const hash = createHash('sha256');
  for (const refs of batchesOf(entry.blocks)) {
    const plan = planReads(refs, packs);
    const ranges = await readRanges(storage, plan);
    for (const { range, at, length, id, object } of plan.blocks) {
      signal?.throwIfAborted();
      const frame = ranges[range]?.subarray(at, at + length) ?? new Uint8Array(0);
      const plain = openNamed(opener, frame, object, entry.path);
      if (Buffer.from(frame.subarray(44, 76)).toString('hex') !== id)
        throw corrupt(object, entry.path, 'frame holds another block');
      hash.update(plain);
      yield plain;
    }
  }
  if (hash.digest('hex') !== entry.sha256)
    throw new LifeboatError('ObjectCorrupt', `file ${entry.path} does not have the SHA-256 that its index names`);
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

function openNamed(opener: Opener, frame: Uint8Array, object: string, path: string): Buffer {
  try {
    return opener.open(frame, frameKinds.block);
  } catch (error) {
    throw corrupt(object, path, error instanceof Error ? error.message : String(error));
  }
}

function corrupt(object: string, path: string, reason: string): LifeboatError {
  return new LifeboatError('ObjectCorrupt', `object ${object}, file ${path}: ${reason}`);
}
