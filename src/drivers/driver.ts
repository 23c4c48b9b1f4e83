/**
 * How one kind of component is captured, restored and proven. Every method may be called twice, killed anywhere and
 * overlap with another attempt of itself: staging is per attempt, and before each destructive act the driver takes the
 * target's lease and compares its fencing token (swap/). Bytes never leave the process that runs the driver.
 *
 * The order of a restore: stage → validate → (platform stops services) → swap → (platform starts) → probe → commit,
 * or undo at any time after stage.
 */
import type { LifeboatError } from '../domain/errors.ts';
import type { ComponentConfig } from '../domain/appliance.ts';
import type { SecretRef } from '../domain/secret-ref.ts';
import type { ComponentKind, Role } from '../domain/component.ts';
import type { ReportProgress } from '../domain/progress.ts';
import type { WalTarget } from '../domain/restore/target.ts';
import type { Chain, ComponentRecord, JsonValue, ProbeResult, Quiescence } from '../domain/recovery-point.ts';
import type { ComponentWriter, Repository } from '../repository/repository.ts';
import type { WalkTree } from './tree/tree-threads.ts';
import type { Finding } from '../domain/finding.ts';
import type { FencingToken } from '../domain/fencing-token.ts';
import type { Readiness } from '../domain/readiness.ts';
import type { Target } from '../platform/target.ts';
import type { SwapTuning } from './swap/target-types.ts';

export interface Driver {
  readonly component: string;
  readonly kind: ComponentKind;
  readonly role: Role;
  /** Aligned block size of this kind, bytes. */
  readonly blockSize: number;

  /**
   * What `doctor` and a plan ask: is everything there, with the right to read and write it? Also as it was at the newest
   * capture, where that is known. Never throws.
   */
  check(newest?: Pick<RestoreContext, 'repository' | 'record'>): Promise<Finding[]>;
  /** Engines only: does the server take work, by its own word? Its port may accept while it still starts. Never throws. */
  ready?(signal: AbortSignal): Promise<Readiness>;
  /** Bytes that a capture would read; cheap. */
  estimate(): Promise<{ readonly bytes: number }>;
  /** Reads the live component into the writer. Does not call finish. SourceEmpty if there is nothing. */
  capture(context: CaptureContext): Promise<CaptureFacts>;

  /** Files only: is what lies there what the record captured? Cheap: looks at names and times, reads no content. */
  isAsCaptured?(repository: Repository, record: ComponentRecord): Promise<boolean>;

  /**
   * Engines that can be followed only: the next state on top of an older base, everything until then archived.
   * Precondition where only a new base helps, with the reason.
   */
  increment?(context: IncrementContext): Promise<Increment>;

  /** Engines that can be followed only: archives what the engine writes until the time is over. One at a time per engine. */
  archiveWal?(context: WalContext): Promise<WalSession>;

  /** What `doctor` asks of them: is what is archived what this engine wrote? Compares the end. Never throws. */
  checkArchive?(repository: Repository): Promise<Finding[]>;

  /** Gives up what the engine keeps for the archive where that would fill its disk; NoSpace, not thrown, says so. Only where that was accepted. */
  guardWal?(): Promise<LifeboatError | undefined>;

  /** Lets the engine keep nothing more for an archive that is no longer wanted. */
  detachWal?(slot?: string): Promise<DetachedSlot>;

  /** Has the application make the component anew, where it can, and proves it. */
  rebuild?(context: RebuildContext): Promise<Rebuilt>;

  /** L3: has the stored artefact its structure? Reads from the repository only, never from the live component. */
  inspect(repository: Repository, record: ComponentRecord, signal: AbortSignal): Promise<ProbeResult[]>;

  /** Where a restore would write, for the plan: what must be on which disk, and what is refused beforehand. */
  restoreTargets(record: ComponentRecord, wal?: WalTarget): Promise<RestoreTarget[]>;
  /** Fetches and verifies into the attempt's own staging folder beside the live data. */
  stage(context: RestoreContext): Promise<StageFacts>;
  /** Opens what was staged with the real engine, away from live (L3/L4). All probes that need no running appliance. */
  validate(context: RestoreContext): Promise<ProbeResult[]>;
  /** Only with `wal.kind` `latest`, after the component's services stopped: replays what came until then, and ends recovery. */
  finish?(context: RestoreContext): Promise<ProbeResult[]>;
  /** Makes the staged data live, journaled; the old data is kept as safety copy. The component's services are stopped. */
  swap(context: RestoreContext): Promise<void>;
  /** Engines only: Precondition while anything uses the live data. */
  requireStopped?(): Promise<void>;
  /** Puts the old data back if it was swapped away, and removes this run's staging. Safe to call at any state. */
  undo(context: RestoreContext): Promise<void>;
  /** Content probes against the running restored engine: expected from the manifest, actual from the engine. */
  probe(context: RestoreContext): Promise<ProbeResult[]>;
  /**
   * After the restore was committed: staging leftovers go; the safety copy stays until people remove it. Gives the paths
   * of what this restore replaced.
   */
  commit(context: RestoreContext): Promise<Committed>;
}

export interface Committed {
  readonly safetyCopies: readonly string[];
  /** What people should know of the engine as it runs now, in words. */
  readonly notes?: readonly string[];
}

export interface CaptureContext {
  readonly writer: ComponentWriter;
  readonly backupId: string;
  readonly previous?: ComponentRecord;
  /** What is captured goes into it, and `previous` lies there. */
  readonly repository: Repository;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface CaptureFacts {
  readonly capturedFrom: Date;
  readonly capturedUntil: Date;
  readonly quiescence: Quiescence;
  readonly suspect?: boolean;
  /** Clear facts for the manifest: versions, counts, LSNs as text. No paths, no content hashes, no secrets. A `note` is told to people. */
  readonly facts: Readonly<Record<string, JsonValue>>;
}

/** Somebody who takes archived WAL further. */
export interface WalFollower {
  /** These objects of the archive are there, and the server may forget them with this one's leave: what lies elsewhere under their names is compared. */
  sealed(keys: readonly string[]): void;
  /** By `performance.now()`: what was sealed until then is where it is taken to. Undefined before the first time. */
  passedAt(): number | undefined;
}

export interface WalContext {
  readonly repository: Repository;
  readonly followers?: readonly WalFollower[];
  /** The server forgets nothing that this one has not taken on. */
  readonly barrier?: WalFollower;
  readonly durationMs: number;
  /** Aborted where the session is to end well before its time: what came is sealed. */
  readonly stopping?: AbortSignal;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface IncrementContext {
  readonly repository: Repository;
  /** Record of a base: one without a chain. */
  readonly base: ComponentRecord;
  /** The archived WAL from the base to here was read before; from the base on where absent. */
  readonly readTo?: Pick<Chain, 'timeline' | 'endLsn'>;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface Increment {
  /** By the server's clock: what was acknowledged before is in it. */
  readonly at: Date;
  readonly chain: Omit<Chain, 'base'>;
}

export interface RebuildContext {
  /** What is older than this is not what was asked for. */
  readonly since: Date;
  readonly signal: AbortSignal;
}

export interface Rebuilt {
  readonly documents: number;
  /** Path of what was there before. */
  readonly safetyCopy?: string;
}

export interface DetachedSlot {
  readonly slot: string;
  /** What the engine had kept for it. */
  readonly heldBytes: number;
}

/** What a session of archiving came to. Positions as text. */
export interface WalSession {
  /** Decimal text: 64 bits. */
  readonly systemId: string;
  readonly segmentBytes: number;
  readonly timeline: number;
  readonly sealedTo: string;
  /** The server's clock when everything that it had written was archived; null where that never was so. */
  readonly coveredUntil: string | null;
  readonly segments: number;
  readonly bytes: number;
}

export interface RestoreContext {
  readonly repository: Repository;
  readonly record: ComponentRecord;
  /** Grows from step to step of a run: stage 1xxx, validate 2xxx, swap 3xxx, probe 4xxx, commit 5xxx, undo 9xxx (xxx = activity attempt). */
  readonly token: FencingToken;
  /** The token under which this run's stage succeeded: it names the staging folder. In `stage` itself it equals `token`. */
  readonly staged: FencingToken;
  /** Databases only: how far beyond the record archived WAL is replayed; to the record's own end where absent. */
  readonly wal?: WalTarget;
  /** `--replace-damaged`: delete first what failed its own check, where there is no room for two copies. */
  readonly replaceDamaged: boolean;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface StageFacts {
  readonly bytes: number;
  readonly files: number;
  readonly facts: Readonly<Record<string, JsonValue>>;
  /** What could not be brought back or looked at, in words; the restore goes on. */
  readonly notes?: readonly string[];
}

export interface RestoreTarget {
  /** The live path. */
  readonly path: string;
  /** Device id of its filesystem, so that needs on one disk add up. */
  readonly device: string;
  readonly needBytes: number;
  readonly freeBytes: number;
  /** Bytes of the live data that would be kept aside. */
  readonly liveBytes: number;
  readonly problems: readonly { readonly code: string; readonly message: string; readonly hint: string }[];
}

/** What a driver gets besides its configuration. */
export interface DriverEnvironment {
  /** Lifeboat's own state folder on this host (logs, sockets of private engines). */
  readonly stateDir: string;
  /** Reads a secret at the moment of use; the value is never stored or logged. */
  readonly secret: (ref: SecretRef | undefined) => Promise<string | undefined>;
  /** Where the component's data and engine are, and how programs of that engine run. */
  readonly target: Target;
  /** By which the component's own processes are started, where Lifeboat starts them. */
  readonly startCommands?: readonly (readonly string[])[];
  /** The other components of the host: what a link leads to may be theirs. */
  readonly others?: readonly ComponentConfig[];
  /** How long a measure waits for a lock that somebody has on a table. Default 5 s. */
  readonly lockTimeoutMs?: number;
  /** How trees of files are walked; by default on a thread. */
  readonly walkTree?: WalkTree;
  /** Times and steps of swaps, where they are not the usual ones. */
  readonly swap?: Pick<SwapTuning, 'leaseMs' | 'waitMs' | 'onStep'>;
}
