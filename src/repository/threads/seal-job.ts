import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { LifeboatError } from '../../domain/errors.ts';
import { refusedHint } from '../../domain/refused-access.ts';
import { hasVanished } from '../../domain/vanished.ts';
import { errnoOf } from '../../storage/errno.ts';
import { hasId } from '../block-table.ts';
import { frameKinds } from '../frame.ts';
import type { Sealer } from '../frame.ts';
import type { SealJob, SealPiece, SealResult, SealedPiece, SourceFacts } from './jobs.ts';
import { slabBlocks, slabPlainBytes } from './slab.ts';
import type { ThreadError } from './thread-error.ts';

/** The level that keeps up with two cores: higher ones cost more time than the disk they save. */
const compressionLevel = 1;

export function seal(job: SealJob, sealer: Sealer): SealResult {
  const slab = new Uint8Array(job.slab);
  const blocks = new Uint32Array(slabBlocks * 3);
  const ids = new Uint8Array(slabBlocks * 32);
  let count = 0;
  // Frames stand behind the plaintext.
  let output = slabPlainBytes;
  const pieces = job.pieces.map((piece): SealedPiece => {
    const read = load(piece, slab);
    if ('error' in read) return { size: 0, blocks: 0, error: read.error };
    const first = count;
    const bytes = slab.subarray(piece.at, piece.at + read.size);
    for (let at = 0; at < bytes.length; at += piece.blockSize) {
      const plain = bytes.subarray(at, at + piece.blockSize);
      const id = sealer.id(plain);
      ids.set(id, count * 32);
      if (job.known === undefined || !hasId(job.known, id)) {
        const length = sealer.seal({ kind: frameKinds.block, plain, id, level: compressionLevel }, slab, output);
        blocks.set([output, length, plain.length], count * 3);
        output += length;
      } else blocks.set([0, 0, plain.length], count * 3);
      count += 1;
    }
    return {
      ...read,
      blocks: count - first,
      ...(piece.whole && { sha256: createHash('sha256').update(bytes).digest('hex') }),
    };
  });
  return { pieces, blocks: blocks.slice(0, count * 3), ids: ids.slice(0, count * 32) };
}

type Loaded = Pick<SealedPiece, 'size' | 'before' | 'after'> | { readonly error: ThreadError };

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
    const before = sourceFacts(fd);
    const size = readFully(fd, slab, piece, 0);
    return { size, before, after: sourceFacts(fd) };
  } finally {
    closeSync(fd);
  }
}

export function sourceFacts(fd: number): SourceFacts {
  const facts = fstatSync(fd, { bigint: true });
  if (!facts.isFile()) throw new LifeboatError('SourceChanged', 'is not a regular file any more');
  return factsOf(facts);
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
