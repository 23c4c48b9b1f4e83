import type { Attributes } from './attributes.ts';

/**
 * One filesystem entry of a component, as capture yields it and as a sealed index lists it.
 * `path` is relative, `/`-separated, without `.`, `..` or empty parts. Names that are not UTF-8 carry their
 * bytes in `pathBase64` (then `path` is only for people).
 */
export interface EntryMeta {
  readonly path: string;
  readonly pathBase64?: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink';
  /** Permission bits, for example 0o600. */
  readonly mode: number;
  /** Nanoseconds since the epoch as decimal text: a JSON number would round it. */
  readonly mtimeNs: string;
  readonly uid: number;
  readonly gid: number;
  readonly user?: string;
  readonly group?: string;
  /** Symlink: its text as it stands. Hard link: the path of the first name. */
  readonly target?: string;
  /** The target's bytes where it is not UTF-8. */
  readonly targetBase64?: string;
  /** Attributes of a file or folder that has some. Those of a file with several names stand with the first. */
  readonly xattrs?: Attributes;
  readonly sparse?: boolean;
  readonly changedDuringRead?: boolean;
  /** Size and times of a source file that tell of any change since, so that the next backup need not read it. */
  readonly source?: {
    readonly ctimeNs: string;
    readonly inode: string;
    /** All attributes that it had were read, and are carried: these need not be read again either. */
    readonly attributes?: true;
  };
}

/**
 * Where a block lies: number in the index's pack table, offset and length of its frame, SHA-256 of the block (hex), its
 * length; and where it begins in the frame's plaintext, if it shares the frame with others.
 */
export type BlockRef = readonly [
  pack: number,
  offset: number,
  length: number,
  digest: string,
  plainLength: number,
  at?: number,
];

/** A regular file in an index. */
export interface FileEntry extends EntryMeta {
  readonly type: 'file';
  readonly size: number;
  /**
   * SHA-256 of the content, hex, where the driver asked for it (WriteOptions.wholeDigests) and the file has several blocks:
   * else the digests of its blocks tell the same. They stand only in sealed indexes: a clear one lets a reader guess `.env`.
   */
  readonly sha256?: string;
  readonly blocks: readonly BlockRef[];
}

export interface OtherEntry extends EntryMeta {
  readonly type: 'directory' | 'symlink' | 'hardlink';
}

export type IndexEntry = FileEntry | OtherEntry;

/** Driver's own sealed files (fingerprints for probes, verbatim server manifests) lie under this folder of a component. */
export const reservedFolder = '.lifeboat';

/** What the component does not carry, by path and kind; only where something was left out. */
export const leftOutPath = `${reservedFolder}/left-out.json`;
