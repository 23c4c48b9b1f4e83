import { closeSync, constants, fchmodSync, fchownSync, ftruncateSync, futimesSync, openSync, writeSync } from 'node:fs';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { errnoOf } from '../../storage/errno.ts';
import { freeBytes } from '../free-bytes.ts';
import type { Opener } from '../frame.ts';
import { blockIn, unpackFrameOf } from '../open-block.ts';
import type { FileMeta, RestoreChunkJob, RestoreFilesJob, RestoredFile, StoredBlock } from './jobs.ts';

/** O_EXCL and O_NOFOLLOW: a restore never writes into a file or through a link that somebody put there. */
export const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Holes are kept in steps of this size. */
const holeBytes = 4096;
const zeros = Buffer.alloc(holeBytes);

export function restoreFiles(job: RestoreFilesJob, opener: Opener): Record<string, never> {
  const blocks = new BlockOpener(job.ranges, opener);
  for (const file of job.files) restoreFile(file, blocks);
  blocks.free();
  return {};
}

/** A run of blocks of a large file, each written where it belongs. */
export function restoreChunk(job: RestoreChunkJob, opener: Opener): { readonly length: number } {
  const blocks = new BlockOpener(job.ranges, opener);
  let length = 0;
  for (const block of job.blocks) {
    const plain = blocks.open(block, job.name);
    writing(job.name, () => writeBytes(job.fd, plain, job.position + length, job.sparse));
    length += plain.length;
  }
  blocks.free();
  return { length };
}

function restoreFile(file: RestoredFile, blocks: BlockOpener): void {
  const fd = writing(file.name, () =>
    openSync(typeof file.path === 'string' ? file.path : Buffer.from(file.path), createFlags, 0o600),
  );
  try {
    let size = 0;
    for (const block of file.blocks) {
      const plain = blocks.open(block, file.name);
      writing(file.name, () => writeBytes(fd, plain, size, file.sparse));
      size += plain.length;
    }
    if (size !== file.size)
      throw new LifeboatError(
        'ObjectCorrupt',
        `the blocks of file ${file.name} make ${size} bytes, its index says ${file.size}`,
      );
    writing(file.name, () => finishFile(fd, file));
  } finally {
    closeSync(fd);
  }
}

/** Opens the blocks of one job. Blocks that share a frame mostly follow each other, so the last frame is kept. */
class BlockOpener {
  readonly #ranges: readonly Uint8Array[];
  readonly #opener: Opener;
  #last: { readonly range: number; readonly at: number; readonly plain: Buffer } | undefined;

  constructor(ranges: readonly Uint8Array[], opener: Opener) {
    this.#ranges = ranges;
    this.#opener = opener;
  }

  /** Valid until the next call. */
  open(block: StoredBlock, file: string): Buffer {
    try {
      return blockIn(this.#frame(block), block);
    } catch (error) {
      throw corruptBlock(block, file, error instanceof Error ? error.message : String(error));
    }
  }

  free(): void {
    if (this.#last !== undefined) freeBytes(this.#last.plain, this.#ranges[this.#last.range]);
    this.#last = undefined;
  }

  #frame(block: StoredBlock): Buffer {
    const { range, at, length } = block;
    if (this.#last?.range === range && this.#last.at === at) return this.#last.plain;
    this.free();
    const bytes = this.#ranges[range];
    if (bytes === undefined) throw new LifeboatError('Internal', `range ${range} was not read`);
    const plain = unpackFrameOf(block, bytes.subarray(at, at + length), this.#opener);
    this.#last = { range, at, plain };
    return plain;
  }
}

function corruptBlock(block: StoredBlock, file: string, reason: string): LifeboatError {
  return new LifeboatError(
    'ObjectCorrupt',
    `object ${block.object}, block ${block.digest.slice(0, 16)} of file ${file}: ${reason}`,
  );
}

function writeBytes(fd: number, bytes: Uint8Array, position: number, sparse: boolean): void {
  if (!sparse) return writeFully(fd, bytes, position);
  for (let at = 0; at < bytes.length; at += holeBytes) {
    const piece = bytes.subarray(at, at + holeBytes);
    if (!zeros.subarray(0, piece.length).equals(piece)) writeFully(fd, piece, position + at);
  }
}

function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** Owner before mode, because a change of owner clears set-user-id. */
export function finishFile(
  fd: number,
  file: { readonly size: number; readonly sparse: boolean; readonly meta: FileMeta },
): void {
  const { mode, mtime, owner } = file.meta;
  if (file.sparse) ftruncateSync(fd, file.size);
  if (owner !== undefined) fchownSync(fd, owner.uid, owner.gid);
  fchmodSync(fd, mode);
  futimesSync(fd, mtime, mtime);
}

export function writing<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw restoreError(error, name);
  }
}

export function restoreError(error: unknown, name: string): LifeboatError {
  if (error instanceof LifeboatError) return error;
  const errno = errnoOf(error) ?? String(error);
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return new LifeboatError('NoSpace', `cannot write ${name}: ${errno}`);
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS')
    return new LifeboatError('PermissionDenied', `cannot write ${name}: ${errno}`, {
      hint: refusedHint(errno, process.getuid?.()),
    });
  if (errno === 'EEXIST' || errno === 'ELOOP' || errno === 'ENOTDIR') {
    return new LifeboatError('ManifestInvalid', `cannot create ${name}: something stands there already (${errno})`, {
      hint: 'restore into an empty folder; if it was empty, the index names one path twice',
    });
  }
  return new LifeboatError('StorageFailed', `cannot write ${name}: ${errno}`);
}
