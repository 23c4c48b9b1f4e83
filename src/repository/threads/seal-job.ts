import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { hasVanished } from '../../domain/vanished.ts';
import { errnoOf } from '../../storage/errno.ts';
import type { Sealer } from '../frame.ts';
import type { Reading, SealJob, SealPiece, SealResult, SealedPiece, SourceFacts } from './jobs.ts';
import { SealedBlocks } from './sealed-blocks.ts';
import type { ThreadError } from '../../threads/thread-error.ts';

export function seal(job: SealJob, sealer: Sealer): SealResult {
  const slab = new Uint8Array(job.slab);
  const sealed = new SealedBlocks(slab, sealer, job.known);
  const pieces = job.pieces.map((piece): SealedPiece => {
    const read = load(piece, slab);
    if ('error' in read) return { size: 0, blocks: 0, error: read.error };
    const bytes = slab.subarray(piece.at, piece.at + read.size);
    let blocks = 0;
    for (let at = 0; at < bytes.length; at += piece.blockSize) {
      sealed.add(bytes.subarray(at, at + piece.blockSize), piece.sharesFrames);
      blocks += 1;
    }
    return { ...read, blocks, ...(piece.digest && blocks > 1 && { sha256: hash('sha256', bytes) }) };
  });
  return { pieces, ...sealed.finish() };
}

type Loaded = Pick<SealedPiece, 'size' | 'reading'> | { readonly error: ThreadError };

/** Brings a piece's bytes into the slab. A file that is shorter by now yields what there is. */
function load(piece: SealPiece, slab: Uint8Array): Loaded {
  const { source } = piece;
  if (source === undefined) return { size: piece.size };
  try {
    return 'fd' in source
      ? { size: readFully(source.fd, slab, piece, source.position) }
      : loadFile(source.path, piece, slab);
  } catch (error) {
    return { error: sourceError(error, 'fd' in source ? 'a file' : nameOf(source.path)) };
  }
}

function loadFile(path: string | Uint8Array, piece: SealPiece, slab: Uint8Array): Loaded {
  // NONBLOCK, because a pipe that took the file's place must not hang the thread.
  const fd = openSync(
    typeof path === 'string' ? path : Buffer.from(path),
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  );
  try {
    const before = regularFile(fd);
    const size = readFully(fd, slab, piece, 0);
    return { size, reading: readingOf(before, fstatSync(fd, { bigint: true })) };
  } finally {
    closeSync(fd);
  }
}

/** SourceChanged for what is no regular file. */
export function regularFile(fd: number): BigIntStats {
  const stats = fstatSync(fd, { bigint: true });
  if (!stats.isFile()) throw new LifeboatError('SourceChanged', 'is not a regular file any more');
  return stats;
}

/** The same file before and after its bytes were read. */
export function readingOf(before: BigIntStats, after: BigIntStats): Reading {
  const isStill =
    before.size === after.size &&
    before.mtimeNs === after.mtimeNs &&
    before.ctimeNs === after.ctimeNs &&
    before.ino === after.ino;
  return { isStill, after: factsOf(after) };
}

export function factsOf({ dev, size, mtimeNs, ctimeNs, ino, blocks }: BigIntStats): SourceFacts {
  return {
    device: `${dev}`,
    size: Number(size),
    mtimeNs: `${mtimeNs}`,
    ctimeNs: `${ctimeNs}`,
    inode: `${ino}`,
    allocatedBytes: Number(blocks) * 512,
  };
}

function readFully(fd: number, slab: Uint8Array, piece: SealPiece, position: number): number {
  let done = 0;
  while (done < piece.size) {
    const got = readSync(fd, slab, piece.at + done, piece.size - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** Names the file and the system's code. */
export function sourceError(error: unknown, name: string): ThreadError {
  if (error instanceof LifeboatError) return { code: error.code, message: `${name} ${error.message}` };
  const errno = errnoOf(error) ?? String(error);
  if (errno === 'EACCES' || errno === 'EPERM')
    return {
      code: 'PermissionDenied',
      message: `cannot read ${name}: ${errno}`,
      hint: refusedHint(errno, process.getuid?.()),
    };
  if (hasVanished(errno)) return { code: 'SourceChanged', message: `cannot read ${name}: ${errno}` };
  return { code: 'SourceCorrupt', message: `cannot read ${name}: ${errno}` };
}

function nameOf(path: string | Uint8Array): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString('utf8');
}
