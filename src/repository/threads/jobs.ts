/** What travels between the main thread and a worker thread. Bytes stand in slabs or transferred buffers. */
import type { SharedIds } from '../block-table.ts';
import type { NamedBlock } from '../open-block.ts';
import type { ThreadError } from '../../threads/thread-error.ts';

export type JobKinds = {
  /** Read (or take) plaintext in a slab, cut, digest, look up, compress, seal. */
  readonly seal: { readonly job: SealJob; readonly result: SealResult };
  /** The same of small files that were listed a moment ago: what is not as it was listed is left out. */
  readonly sealListed: { readonly job: SealListedJob; readonly result: SealListedResult };
  /** Feed a slab's plaintext to the running SHA-256 of a whole file; the stream's jobs go to one thread, in order. */
  readonly hash: { readonly job: HashJob; readonly result: { readonly sha256?: string } };
  /** SHA-256 of a finished pack: its name. */
  readonly digest: { readonly job: DigestJob; readonly result: { readonly sha256: string } };
  /** Check stored frames at their addresses. */
  readonly verify: { readonly job: VerifyJob; readonly result: VerifyResult };
  /** Restore whole small files. */
  readonly files: { readonly job: RestoreFilesJob; readonly result: Record<string, never> };
  /** Restore a run of blocks of a large file. */
  readonly chunk: { readonly job: RestoreChunkJob; readonly result: { readonly length: number } };
};

export type JobKind = keyof JobKinds;
export type JobOf<K extends JobKind> = JobKinds[K]['job'];
export type ResultOf<K extends JobKind> = JobKinds[K]['result'];

export interface SealJob {
  readonly slab: SharedArrayBuffer;
  /** Digests of blocks that are stored already, or about to be. */
  readonly known: readonly SharedIds[];
  readonly pieces: readonly SealPiece[];
}

/** One file, or one stretch of a large file, at `at` in the slab. */
export interface SealPiece {
  readonly at: number;
  /** Bytes that stand in the slab, or room for what is read. */
  readonly size: number;
  readonly blockSize: number;
  /** Compute the SHA-256 of the piece, which is a whole file of several blocks. */
  readonly digest: boolean;
  /** A small block of it may share a frame with others. */
  readonly sharesFrames: boolean;
  /** Where to read from; absent: the bytes are there. */
  readonly source?: { readonly path: string | Uint8Array } | { readonly fd: number; readonly position: number };
}

export interface SealListedJob {
  readonly slab: SharedArrayBuffer;
  readonly known: readonly SharedIds[];
  readonly blockSize: number;
  /** JSON of a list of `ListedFile`: a text is cheaper to hand over than its objects. */
  readonly files: string;
}

export type ListedFile = readonly [
  /** In latin1. */
  path: string,
  size: number,
  mtimeNs: string,
  ctimeNs: string,
  inode: string,
  device: string,
];

export interface SealListedResult extends SealedBlocksResult {
  /** Blocks of each file. */
  readonly counts: Uint32Array;
  /** Numbers of the files that were not as they were listed, or could not be read: nothing of them is here. */
  readonly others: readonly number[];
}

export interface SealResult extends SealedBlocksResult {
  readonly pieces: readonly SealedPiece[];
}

export interface SealedBlocksResult {
  /** Three numbers a block: number of its frame, from 1 on (0 where it is known), where it begins in its plaintext, length. */
  readonly blocks: Uint32Array;
  /** 32 bytes a block. */
  readonly digests: Uint8Array;
  /** Four numbers a frame: offset in the slab, length, plain length, 1 for a bundle. */
  readonly frames: Uint32Array;
  /** 32 bytes a frame. */
  readonly frameDigests: Uint8Array;
}

export interface SealedPiece {
  readonly size: number;
  readonly blocks: number;
  readonly sha256?: string;
  /** How a file that was opened by path was found afterwards. */
  readonly reading?: Reading;
  readonly error?: ThreadError;
}

/** How a file was found when its bytes had been read. */
export interface Reading {
  /** It was the same, by size, times and inode, before they were read. */
  readonly isStill: boolean;
  readonly after: SourceFacts;
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
  /** 32 bytes a frame. */
  readonly digests: Uint8Array;
  readonly bundles: ReadonlySet<number>;
  /** Also decrypt, decompress and compare digests. */
  readonly full: boolean;
  /** Also the SHA-256 of all bytes. */
  readonly digest: boolean;
}

export interface VerifyResult {
  readonly bad: readonly { readonly frame: number; readonly message: string }[];
  /** Only of a full look. */
  readonly bundles: readonly BundleContents[];
  readonly sha256?: string;
}

/** The blocks of a frame that holds several. */
export interface BundleContents {
  readonly frame: number;
  /** Two numbers a block: where it begins in the plaintext, and its length. */
  readonly places: Uint32Array;
  /** 32 bytes a block. */
  readonly digests: Uint8Array;
}

/** A block in a range of a pack, in the memory of a slab: its frame's place there. */
export interface StoredBlock extends NamedBlock {
  readonly range: number;
  readonly at: number;
  readonly length: number;
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
