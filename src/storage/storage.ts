/**
 * A location that holds a repository's objects. Local disk now; SSH and S3 implement the same contract
 * and must pass test/contracts/storage.
 *
 * Keys are `/`-separated, relative, of `[A-Za-z0-9._-]` parts. Objects are never changed in place:
 * a key is created once and removed once. Every method may be called again after a failure.
 * Failures are LifeboatErrors: NoSpace, PermissionDenied, ObjectMissing (read of an absent key), StorageFailed.
 */
export interface Storage {
  /** For people, for example `local:/backups`. Never holds credentials. */
  readonly description: string;

  /**
   * Begins an object under a temporary name that no reader sees. The bytes are not durable and the key does not
   * exist until `commit`. A staged object that is never committed is garbage; `sweepStaged` removes it when old.
   */
  stage(key: string): Promise<StagedObject>;

  /**
   * The durability barrier: when it returns, every given object is on stable storage under its final key.
   * Create-if-absent: a key that exists already keeps its bytes and the staged copy is dropped (for content-addressed
   * keys that is the same content). Killed half way: some keys exist, each whole; none is torn.
   */
  commit(staged: readonly StagedObject[]): Promise<void>;

  /** Writes a small object durably unless the key exists. Of parallel calls exactly one gets `created`. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'>;

  /**
   * Replaces a small object if its version is still `expected`; undefined means that somebody else was faster.
   * Only for leases and side records that are meant to change.
   */
  replaceIf(key: string, expected: string, bytes: Uint8Array): Promise<string | undefined>;

  /** The whole object, or the range. The result owns its ArrayBuffer (it may be transferred to a thread). ObjectMissing if absent; a short range is ObjectCorrupt. */
  read(key: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array<ArrayBuffer>>;

  /**
   * Fills `into` with the object's bytes from `offset` on. Past caches of this machine where the storage can: a
   * writer that reads back what it wrote wants to know what the device holds. The memory may be shared with threads.
   * Errors as of `read`.
   */
  readInto(key: string, offset: number, into: Uint8Array): Promise<void>;

  stat(key: string): Promise<ObjectInfo | undefined>;

  /**
   * All committed objects under the prefix (a folder, ending in `/`, or empty), in key order. Temporary names never show,
   * nor does what has a name that no key can have: it is told to `onStray`. A folder that cannot be read fails the
   * listing, for objects may lie in it; with `onStray` it is told there as well, and the listing goes on.
   */
  list(prefix: string, onStray?: OnStray): AsyncIterable<ObjectInfo>;

  /** Removes an object. Absent is fine. Only collection calls it, for keys that it proved to be unneeded. */
  remove(key: string): Promise<void>;

  /** Removes staged leftovers older than the age, by the storage's own clock. */
  sweepStaged(olderThanMs: number): Promise<number>;

  /** The storage's own clock (from the modification time of a probe object). Grace and retention use it, not ours. */
  now(): Promise<Date>;

  /** Free and total bytes, or undefined where the storage has no such notion. */
  space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | undefined>;

  /** Path of the file that holds an object which is never replaced, where programs of this machine may read it. */
  fileOf?(key: string): string;

  /**
   * Brings files of this machine there by a faster way than their bytes would take. What was created is on stable
   * storage under its key and was what it must be before it got the name; what was not, what stood before or did not
   * arrive, all where there is no such way, is `left`.
   */
  putFiles?(files: readonly FileToStore[], signal?: AbortSignal): Promise<FilesPut>;

  /** SHA-256 (hex) of what lies there, reckoned there; undefined where nothing but its bytes can be had. */
  sha256?(key: string): Promise<string | undefined>;
}

/** What lies in the place of a storage and is no object. */
export interface Stray {
  /** Relative to the place; that of a folder ends in `/`. */
  readonly path: string;
  /** Why it cannot be looked into; empty where that is not the question. */
  readonly problem: string;
}

export type OnStray = (stray: Stray) => void;

export interface FileToStore {
  readonly key: string;
  /** Path on this machine; no other of the same call has its last name. */
  readonly file: string;
  /** SHA-256 (hex) that it must have. */
  readonly sha256: string;
  /** Whether the file has it here: asked where the place cannot tell what arrived. */
  readonly isWhole: () => Promise<boolean>;
}

export interface FilesPut {
  readonly created: readonly string[];
  readonly left: readonly string[];
  /** The place told what arrived: who wants to know need not read it back. */
  readonly isReadBack: boolean;
}

export interface StagedObject {
  readonly key: string;
  /** Bytes appended so far. */
  readonly size: number;
  append(bytes: Uint8Array): Promise<void>;
  /** Drops the temporary object. May be called twice, and after commit (then it does nothing). */
  discard(): Promise<void>;
}

export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  readonly modifiedAt: Date;
  /** Opaque; for `replaceIf`. */
  readonly version: string;
}
