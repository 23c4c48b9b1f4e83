import { createHash } from 'node:crypto';
import type { FileEntry } from '../../domain/entry.ts';
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

export async function readSmallFile(context: Context, indexId: string, path: string): Promise<Uint8Array | undefined> {
  const { packs } = await readIndexFooter(context.storage, indexId, context.opener);
  for await (const entry of readIndexObject(context.storage, indexId, context.opener)) {
    if (entry.type === 'file' && entry.path === path && entry.pathBase64 === undefined)
      return readContent(context, entry, packs);
  }
  return undefined;
}

async function readContent(
  { storage, opener }: Context,
  entry: FileEntry,
  packs: Parameters<typeof planReads>[1],
): Promise<Uint8Array> {
  if (entry.size > limitBytes)
    throw new LifeboatError('InputInvalid', `file ${entry.path} has ${entry.size} bytes, too many to read into memory`);
  const plan = planReads(entry.blocks, packs);
  const ranges = await readRanges(storage, plan);
  const content = Buffer.concat(
    plan.blocks.map(({ range, at, length, id, object }) => {
      const frame = ranges[range]?.subarray(at, at + length) ?? new Uint8Array(0);
      const plain = openNamed(opener, frame, object, entry.path);
      if (Buffer.from(frame.subarray(44, 76)).toString('hex') !== id)
        throw corrupt(object, entry.path, 'frame holds another block');
      return plain;
    }),
  );
  if (content.length === entry.size && createHash('sha256').update(content).digest('hex') === entry.sha256)
    return content;
  throw new LifeboatError('ObjectCorrupt', `file ${entry.path} does not have the SHA-256 that its index names`);
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
