/** What travels between the main thread and a worker thread. Bytes stand in slabs or transferred buffers. */
import type { SharedIds } from '../block-table.ts';
import type { ThreadError } from './thread-error.ts';

export interface JobKinds {
  /** Read (or take) plaintext in a slab, cut, id, look up, compress, seal. */
  readonly seal: { readonly job: SealJob; readonly result: SealResult };
  /** Feed a slab's plaintext to the running SHA-256 of a file; the stream's jobs go to one thread, in order. */
  readonly hash: { readonly job: HashJob; readonly result: { readonly sha256?: string } };
  /** SHA-256 of a finished pack: its name. */
  readonly digest: { readonly job: DigestJob; readonly result: { readonly sha256: string } };
  /** Check stored frames at their addresses. */
  readonly verify: { readonly job: VerifyJob; readonly result: VerifyResult };
  /** Restore whole small files. */
  readonly files: { readonly job: RestoreFilesJob; readonly result: Record<string, never> };
  /** Restore a run of blocks of a large file. */
  readonly chunk: { readonly job: RestoreChunkJob; readonly result: { readonly length: number } };
}

export type JobKind = keyof JobKinds;
export type JobOf<K extends JobKind> = JobKinds[K]['job'];
export type ResultOf<K extends JobKind> = JobKinds[K]['result'];

export interface SealJob {
  readonly slab: SharedArrayBuffer;
  readonly known?: SharedIds;
  readonly pieces: readonly SealPiece[];
}

/** One file, or one stretch of a large file, at `at` in the slab. */
export interface SealPiece {
  readonly at: number;
  /** Bytes that stand in the slab, or room for what is read. */
  readonly size: number;
  readonly blockSize: number;
  /** Compute the SHA-256 of the piece: it is a whole file. */
  readonly whole: boolean;
  /** Where to read from; absent: the bytes are there. */
  readonly source?: { readonly path: string | Uint8Array } | { readonly fd: number; readonly position: number };
}

export interface SealResult {
  readonly pieces: readonly SealedPiece[];
  /** Three numbers a block: offset in the slab's output (0 where known), frame length, plain length. */
  readonly blocks: Uint32Array;
  /** 32 bytes a block. */
  readonly ids: Uint8Array;
}

export interface SealedPiece {
  readonly size: number;
  readonly blocks: number;
  readonly sha256?: string;
  /** Of a file that was opened by path. */
  readonly before?: SourceFacts;
  readonly after?: SourceFacts;
  readonly error?: ThreadError;
}

/** What tells a changed file from an unchanged one. */
export interface SourceFacts {
  readonly device: string;
  readonly size: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
  readonly inode: string;
  readonly allocatedBytes: number;
}

export interface HashJob {
  readonly stream: number;
  readonly slab?: SharedArrayBuffer;
  readonly length: number;
  /** `end` answers the digest, `drop` forgets the stream. */
  readonly next: 'more' | 'end' | 'drop';
}

export interface DigestJob {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly tail: Uint8Array;
}

export interface VerifyJob {
  readonly bytes: Uint8Array;
  /** Two numbers a frame: offset, length. */
  readonly frames: Uint32Array;
  readonly ids: Uint8Array;
  /** Also decrypt, decompress and compare ids. */
  readonly full: boolean;
  /** Also the SHA-256 of all bytes. */
  readonly digest: boolean;
}

export interface VerifyResult {
  readonly bad: readonly { readonly frame: number; readonly message: string }[];
  readonly sha256?: string;
}

/** A block in a range of a pack, in the memory of a slab. */
export interface StoredBlock {
  readonly range: number;
  readonly at: number;
  readonly length: number;
  readonly plainLength: number;
  readonly id: string;
  /** Key of the pack, for messages. */
  readonly object: string;
}

export interface RestoreFilesJob {
  readonly ranges: readonly Uint8Array[];
  readonly files: readonly RestoredFile[];
}

export interface RestoredFile {
  readonly path: string | Uint8Array;
  /** As the index names it, for messages. */
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly sparse: boolean;
  readonly blocks: readonly StoredBlock[];
  readonly meta: FileMeta;
}

export interface FileMeta {
  readonly mode: number;
  /** As `fileTime` gives it. */
  readonly mtime: string;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface RestoreChunkJob {
  readonly ranges: readonly Uint8Array[];
  readonly blocks: readonly StoredBlock[];
  readonly fd: number;
  readonly position: number;
  readonly sparse: boolean;
  readonly name: string;
}
