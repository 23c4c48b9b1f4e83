/**
 * What the rest of the house sees of a repository. docs/repository-format.md is the format; layout.ts knows every key.
 * Opened with `openRepository` (open.ts), made with `initRepository` (init.ts).
 */
import type { FileEntry, IndexEntry, OtherEntry, EntryMeta } from '../domain/entry.ts';
import type { LeftOut, LeftOutCounts } from '../domain/left-out.ts';
import type { ReportProgress } from '../domain/progress.ts';
import type { BackupId, JsonValue, Manifest, ManifestBody } from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import type { Reread, RereadOptions } from './check/reread.ts';
import type { CollectOptions, Collected } from './collect/collect.ts';
import type { Hold } from './collect/holds.ts';
import type { Usage } from './collect/usage.ts';
import type { LostOptions } from './lost-points.ts';
import type { Strays } from './own-objects.ts';
import type { ProofBook } from './proof-book.ts';
import type { KnownProofs } from './proofs.ts';
import type { RescueScript } from './rescue/scripts.ts';
import type { Replicated, ReplicateOptions } from './replicate/replicate.ts';
import type { PushWal } from './replicate/wal-pusher.ts';
import type { WalSegment } from './sound-wal.ts';
import type { WalArchive, WalObject, WalSource } from './wal-archive.ts';
import type { Attributes } from '../domain/attributes.ts';
import type { FileTail } from '../entries/entry-line.ts';
import type { SourceFacts } from './threads/jobs.ts';
import type { Place } from './writer/index-builder.ts';
import type { ManifestListing } from './manifest-listing.ts';

export interface Repository {
  /** The random id in repository.json; every capture and fetch compares it (RepositoryMismatch). */
  readonly id: string;
  readonly encrypted: boolean;
  readonly storage: Storage;

  /** Reserves the next free id at or after `time` by storing the writer's intent (create-if-absent). Idempotent per `owner`. */
  reserve(time: Date, owner: string): Promise<BackupId>;
  /** Ends an intent whose backup was sealed or given up. */
  closeIntent(id: BackupId): Promise<void>;

  /** Opens the way in for one component. */
  writeComponent(options: WriteOptions): Promise<ComponentWriter>;
  /** The packs that an index refers to, from its end alone. ObjectMissing, ObjectCorrupt. */
  packsOf(indexId: string): Promise<readonly { readonly id: string; readonly size: number }[]>;
  /** Streams a sealed index, authenticated. ObjectMissing, ObjectCorrupt. */
  readIndex(indexId: string, signal?: AbortSignal): AsyncIterable<IndexEntry>;
  /** One small file of a component (for example `.lifeboat/facts.json`), verified; undefined if absent. */
  readFile(indexId: string, path: string): Promise<Uint8Array | undefined>;
  /**
   * One file of any size, block after block, from its first byte; `entry` is one that `readIndex` gave for the same
   * index. Holds a few blocks; who needs only the beginning stops reading. ObjectMissing, ObjectCorrupt.
   */
  streamFile(indexId: string, entry: FileEntry, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Fetches, verifies and writes files below a folder. */
  materialize(options: MaterializeOptions): Promise<MaterializeResult>;

  /** Seals a recovery point: writes the manifest with create-if-absent, reads it back, closes nothing. */
  seal(body: SealInput): Promise<Manifest>;
  /** All manifests newest first; a damaged one appears with its problem instead of ending the list. */
  listManifests(): Promise<ManifestListing[]>;
  /** What was sealed and is gone, newest first, as far as it is not in `listManifests`: see lost-points.ts. */
  lostPoints(options: LostOptions): Promise<ManifestListing[]>;
  /** A person knows that a point is gone for good, or damaged: it is told no more. Precondition for one that can be read. */
  giveUp(id: BackupId, by: string, reason: string): Promise<void>;
  /**
   * One manifest by full id or unique prefix, `newest` whatever is wrong with it, or `latest`: the newest successful one, not quarantined or suspect, that
   * holds every component of `holding` (all that were configured then, where nothing is given). Both pass over points of
   * another appliance. NotFound, Ambiguous, ManifestInvalid, FormatTooNew.
   */
  findManifest(selector: string, holding?: readonly string[]): Promise<Manifest>;

  /** L1: every stored object of a point exists and authenticates, every block has its id. Names each bad file and component. */
  check(manifest: Manifest, options: CheckOptions): Promise<CheckResult>;
  /** Reads shares of everything again and authenticates each object. */
  reread(options: RereadOptions): Promise<Reread>;
  /** Takes damaged WAL out of the archive, its bytes kept; gives the keys that went. */
  quarantineWal(keys: readonly string[]): Promise<string[]>;
  /** The same for damaged proofs and reports, and for what says how far the archive reaches. */
  quarantineDocuments(keys: readonly string[]): Promise<string[]>;
  /** What lies in the place of the repository and is not its own: passed over everywhere else. */
  strays(): Promise<Strays>;
  /** Compares `restore.sh` and `RESTORE.md` with what Lifeboat writes. */
  rescueScripts(): Promise<RescueScript[]>;
  /** What names files is sealed, as in reports (details.ts). `state: 'failed' | 'quarantined'` keeps `latest` from choosing the point, until a proof that looked as deep has another. */
  putProof(id: BackupId, proof: Readonly<Record<string, JsonValue>>): Promise<void>;
  /** What was proven of all points, for who asks of many. */
  proofBook(): Promise<ProofBook>;
  /** Oldest first. ObjectCorrupt where one cannot be read. */
  listProofs(id: BackupId): Promise<Readonly<Record<string, JsonValue>>[]>;
  /** The same whatever is wrong with some, with what is known of those that are gone; and what is wrong. */
  knownProofs(id: BackupId): Promise<KnownProofs>;
  /** What its readable proofs say together: `verified`, `unproven`, `failed` or `quarantined` (src/domain/proof-state.ts). */
  pointState(id: BackupId): Promise<string | undefined>;

  /** Evidence of a run: `reports/<type>/<id>.json`. A second call for the same id replaces it. */
  putReport(type: string, id: string, report: Readonly<Record<string, JsonValue>>): Promise<string>;
  /** Undefined where there is none. ObjectCorrupt. */
  getReport(type: string, id: string): Promise<Readonly<Record<string, JsonValue>> | undefined>;
  /** Undefined also where it cannot be read, which is warned of: for what goes on without it. */
  findReport(type: string, id: string): Promise<Readonly<Record<string, JsonValue>> | undefined>;
  listReports(type?: string): Promise<{ readonly type: string; readonly id: string; readonly modifiedAt: string }[]>;

  /** The write-ahead log of one PostgreSQL cluster. Reads and makes nothing before it is asked. */
  wal(source: WalSource): WalArchive;

  /** Makes another storage a copy of this repository, or brings the copy up to date. RepositoryMismatch. */
  replicateTo(target: Storage, options: ReplicateOptions): Promise<Replicated>;
  /** Each call brings what WAL came since to another storage that holds, or is to hold, a copy of this repository. */
  walPusher(target: Storage): PushWal;

  /** Keeps a point from retention until it is released; the first hold of a point stands. */
  hold(hold: Omit<Hold, 'at'>): Promise<void>;
  releaseHold(id: BackupId): Promise<void>;
  listHolds(): Promise<Hold[]>;
  /** Removes points, and what no point needs any more (collect/collect.ts). LockHeld, ManifestInvalid. */
  collect(options: CollectOptions): Promise<Collected>;
  /**
   * Puts a point back that is gone, while its objects are still there: one that retention removed, or one whose manifest
   * one of the copies holds. NotFound, ObjectMissing.
   */
  unexpire(id: BackupId, holder: string, copies?: readonly Storage[]): Promise<void>;
  /** All archived WAL, by names alone. */
  listWal(): AsyncIterable<WalObject>;
  /** Bytes of everything that is the repository's, and what came lately. */
  usage(since: Date): Promise<Usage>;

  /** When the recovery kit last opened this repository (ISO 8601), or undefined: `doctor` nags until it did. */
  recoveryKitTriedAt(): Promise<string | undefined>;

  /** Ends threads. */
  close(): Promise<void>;
}

export interface WriteOptions {
  readonly backupId: BackupId;
  readonly componentId: string;
  /** Aligned block size in bytes: 256 KiB for PostgreSQL and FAISS, 1 MiB for models. A smaller file is one frame. */
  readonly blockSize: number;
  /** Index of the same component in the newest recovery point: its blocks are not stored again, its unchanged files not read again. */
  readonly previousIndexId?: string;
  /** 0 … 1: which share of unchanged files is read and hashed again all the same (rolling: n of t by the backup's date). */
  readonly rehash?: { readonly part: number; readonly parts: number };
  /** Packs that an earlier, killed attempt committed: their blocks are found again. */
  readonly resumePacks?: readonly string[];
  /** Give each file of several blocks the SHA-256 of its whole content, which people compare. It costs a second pass. */
  readonly wholeDigests?: boolean;
  readonly onProgress?: ReportProgress;
  /** What a person should know of this capture; without it the repository's own way is taken. */
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** Entries may come from several concurrent callers. After any method threw, call `abandon`. */
export interface ComponentWriter {
  /** The place of an entry in the index, where entries stand in the order of these calls. Each must be used. */
  place(): Place;
  /** Resolves when so much of the index is stored that more may come. After many calls of `reuse`. */
  room(): Promise<void>;
  /** For a place that is not used after all. */
  release(place: Place): void;
  /** Directories, symlinks, hard links. */
  add(entry: OtherEntry, place?: Place): Promise<void>;
  /** A regular file whose bytes are pushed (a stream from an engine). `size` must be known. */
  open(entry: EntryMeta & { readonly type: 'file' }, size: number): Promise<FileWriter>;
  /**
   * A regular file on this host's disk, opened once and read in parallel. Unchanged since the previous index
   * (size, mtime, ctime, inode), and settled at that time → its blocks are referenced without a read. Says whether it changed while it was read, and
   * which file was read.
   * Fills in size, source identity and `sparse` by itself. PermissionDenied, SourceChanged (gone, or not a regular file any more: then nothing of it is in the
   * index, and the writer goes on), SourceCorrupt (read error).
   */
  fromDisk(
    entry: EntryMeta & { readonly type: 'file' },
    absolutePath: string | Buffer,
    options?: FromDiskOptions,
  ): Promise<DiskResult>;
  /**
   * The same for files that were listed a moment ago, at most 1,024 of them with at most 4 MiB of content: a call for each
   * would cost more than its file. One that cannot be read answers with its error, and the writer goes on.
   */
  readFiles(files: readonly DiskFile[]): Promise<(Error | DiskResult)[]>;
  /**
   * Takes an entry over from the previous index, where the file is unchanged since (as `fromDisk` says) and all its
   * attributes stand there; gives what that says of it besides. Undefined: nothing was done, and the place is still to be used. Call it in the
   * order of a walk (`compareInWalk`): else it finds nothing.
   */
  reuse(file: Listed, place: Place): FileTail | undefined | Promise<FileTail | undefined>;
  /**
   * Does every write to this file from now on move its times? Not to one that was changed a short while ago, or lies on a
   * file system that does not say (src/domain/written-back.ts): it may be mapped.
   */
  isSettled(path: string): Promise<boolean>;
  /** A small file of bytes in memory (facts, verbatim manifests). */
  bytes(path: string, content: Uint8Array): Promise<void>;
  /** What the component does not carry. The first ones are named in its sealed `.lifeboat/left-out.json`. */
  leaveOut(left: LeftOut): void;
  /** Packs so far durable under their final names: the heartbeat's resume cursor. */
  committedPacks(): readonly string[];
  /** Flushes, passes the durability barrier, reads back, seals the index. */
  finish(): Promise<WriteSummary>;
  abandon(): Promise<void>;
}

export interface DiskResult {
  readonly changedDuringRead: boolean;
  readonly reused: boolean;
  readonly inode: string;
}

/** A file as a walk lists it. */
export interface Listed {
  /** The begin of its line (`headOf`), as if it were settled and all its attributes were there. */
  readonly head: string;
  /** Absolute path in latin1. */
  readonly source: string;
  readonly facts: SourceFacts;
  /** The same as an entry. */
  readonly entry: EntryMeta & { readonly type: 'file' };
}

export interface DiskFile extends Required<Pick<FromDiskOptions, 'place' | 'hasAllAttributes'>> {
  readonly found: Listed;
  readonly xattrs: Attributes | undefined;
}

export interface FromDiskOptions {
  /** By default the next one. It is given up where the call fails. */
  readonly place?: Place;
  /** How the file was found a moment ago; by default it is looked at now. */
  readonly facts?: SourceFacts;
  /** The entry carries all attributes that the file has. */
  readonly hasAllAttributes?: boolean;
}

export interface FileWriter {
  /** Copies the chunk out before it resolves. Awaiting gives back-pressure. */
  write(chunk: Uint8Array): Promise<void>;
  /** Fails if the bytes are not exactly the announced size. */
  close(): Promise<void>;
}

export interface WriteSummary {
  readonly indexId: string;
  readonly files: number;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly reusedFiles: number;
  readonly leftOut: LeftOutCounts;
}

export interface MaterializeOptions {
  readonly indexId: string;
  readonly into: string;
  /** Relative destination below `into` (or an absolute path for mapped tablespaces); undefined skips the entry. Default: all but the reserved folder, at its own path. */
  readonly place?: (entry: IndexEntry) => string | undefined;
  /** Give files their recorded owner (needs root). Otherwise the running user owns them. */
  readonly owner?: 'recorded' | { readonly uid: number; readonly gid: number } | 'self';
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

export interface MaterializeResult {
  readonly files: number;
  readonly bytes: number;
  /** What a person must be told: attributes that could not be given back. */
  readonly notes: readonly string[];
}

export type SealInput = {
  readonly timestamp: BackupId;
  readonly configuration: Readonly<Record<string, JsonValue>>;
  readonly body: Omit<
    ManifestBody,
    'format' | 'repositoryId' | 'sequence' | 'previous' | 'missing' | 'refuted' | 'sealedAt' | 'skewSeconds'
  >;
};

export interface CheckOptions {
  readonly components?: readonly string[];
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

export interface CheckResult {
  readonly ok: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly problems: readonly {
    readonly component: string;
    readonly file?: string;
    readonly object: string;
    readonly code: string;
    readonly message: string;
  }[];
  /** Damage that no file of the point is touched by. */
  readonly notes: readonly string[];
  /** Ids of all packs that are damaged or gone. */
  readonly damagedPacks: readonly string[];
}

export type {
  Collected,
  FileEntry,
  Hold,
  Usage,
  WalObject,
  IndexEntry,
  Manifest,
  OtherEntry,
  ProofBook,
  Replicated,
  WalArchive,
  WalSegment,
  WalSource,
};
