/**
 * A recovery point: all artefacts of one backup, sealed by `backup_manifest_<timestamp>.json`.
 * The documents' own fields (D7) stand at the top; ours stand under `lifeboat`.
 */
import type { ComponentKind } from './component.ts';

/** `YYYYMMDD_HHMMSS` in UTC; the id of a recovery point. */
export type BackupId = string;

/** Whether the state of a point speaks against restoring it, and against counting on it. */
export function isRefuted(state: string | undefined): boolean {
  return state === 'failed' || state === 'quarantined';
}

/** The manifest format that this version writes and the newest that it reads. */
export const manifestFormat = 1;

/**
 * `full`: everything, databases as a base backup. `incremental`: everything, databases as archived WAL on their last base.
 * `critical`: the components of that tier in the same way, often. `configuration` and `monitoring`: those of that tier.
 */
export const backupTypes = ['full', 'incremental', 'critical', 'configuration', 'monitoring'] as const;
export type BackupType = (typeof backupTypes)[number];

/** The workflow that makes a backup of a type. */
export const backupWorkflows = {
  full: 'fullBackup',
  incremental: 'incrementalBackup',
  critical: 'criticalBackup',
  configuration: 'configurationBackup',
  monitoring: 'monitoringBackup',
} as const satisfies Readonly<Record<BackupType, string>>;

export function isBackupWorkflow(type: string): boolean {
  return Object.values<string>(backupWorkflows).includes(type);
}

/** D7: one stored object. `path` is relative to the repository's root, `checksum` the SHA-256 of the stored bytes. */
export interface BackupFile {
  readonly filename: string;
  readonly path: string;
  readonly size: number;
  readonly checksum: string;
}

export type Quiescence = 'quiesced' | 'stable-window' | 'snapshot' | 'unproven';

/** One component in a manifest. `facts` are the driver's own clear facts (versions, counts, LSNs as text). */
export interface ComponentRecord {
  readonly id: string;
  readonly kind: ComponentKind;
  readonly host: string;
  readonly indexId: string;
  readonly files: number;
  /** Plain bytes of all regular files. */
  readonly bytes: number;
  /** Bytes newly stored by this backup. */
  readonly storedBytes: number;
  /** ISO 8601 UTC. */
  readonly capturedFrom: string;
  readonly capturedUntil: string;
  readonly quiescence: Quiescence;
  /** True where the source was damaged and sealed all the same: never chosen by default. */
  readonly suspect: boolean;
  readonly facts: Readonly<Record<string, JsonValue>>;
  /** Where the artefact is an older base, and what is archived since leads from it to the captured state. */
  readonly chain?: Chain;
}

/** The index and the facts of such a record are those of its base. */
export interface Chain {
  /** Recovery point that the base was captured for. */
  readonly base: BackupId;
  readonly timeline: number;
  /** Position up to which the archived WAL is replayed; all of it was archived when the point was sealed. */
  readonly endLsn: string;
  /** Bytes of WAL between base and end. */
  readonly walBytes: number;
  readonly forecastSeconds: number;
}

/** A proof that spoke against its point, as a later manifest names it. */
export interface StandingRefutation {
  readonly timestamp: BackupId;
  /** Number of the proof. */
  readonly number: number;
  readonly at?: string;
  readonly levels: readonly string[];
  readonly components: readonly string[];
  readonly state: string;
  /** It says only that the point's manifest cannot be read. */
  readonly unreadableManifest?: boolean;
}

export interface ManifestBody {
  readonly format: number;
  readonly repositoryId: string;
  readonly appliance: string;
  readonly type: BackupType;
  readonly tool: string;
  readonly startedAt: string;
  readonly sealedAt: string;
  /** Latest capturedUntil minus earliest capturedFrom over all components, seconds. */
  readonly skewSeconds: number;
  /** One more than that of any point that was there when this one was sealed; absent in points of before there were numbers. */
  readonly sequence?: number;
  /** The writer's predecessor: a gap in the chain of digests is noticed. */
  readonly previous: { readonly timestamp: BackupId; readonly digest: string } | null;
  /** Points that had been sealed and were gone when this one was; absent where none was. */
  readonly missing?: readonly BackupId[];
  /** What stood against other points when this one was sealed; absent where nothing did. */
  readonly refuted?: readonly StandingRefutation[];
  readonly components: readonly ComponentRecord[];
  /** Why the point is not complete; empty in a good one. */
  readonly failures: readonly { readonly component: string; readonly code: string; readonly message: string }[];
  readonly workflow: { readonly id: string; readonly runId: string } | null;
}

export interface Manifest {
  readonly timestamp: BackupId;
  readonly datetime: string;
  /** True only if every configured component was captured. */
  readonly success: boolean;
  readonly backup_files: readonly BackupFile[];
  readonly total_size: number;
  readonly configuration: Readonly<Record<string, JsonValue>>;
  readonly lifeboat: ManifestBody;
}

/** What a capture activity returns: ids, sizes, digests, under 4 KB. */
export interface Receipt extends ComponentRecord {
  /** What a person should know of the capture; may name files, and so never stands in the manifest. */
  readonly notes?: readonly string[];
  /** What was left out and was not in the recovery point before: people are told of it once. */
  readonly newlyLeftOut?: string;
}

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface ProbeResult {
  readonly component: string;
  readonly name: string;
  readonly expected: string;
  readonly actual: string;
  /** Whether it holds. False where it was not compared (src/domain/probes.ts tells the three outcomes apart). */
  readonly ok: boolean;
  /** Neither success nor failure: the capture has no measure of it. `actual` says why. */
  readonly notCompared?: true;
  /** It compares what is stored with what is there. A component without one that holds is not proven. */
  readonly content?: true;
}

/** `20261122_020000` for a time. */
export function backupIdOf(time: Date): BackupId {
  const iso = time.toISOString();
  return `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 10)}_${iso.slice(11, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}`;
}

/** The time that a backup id names; undefined where it names none. */
export function timeOfBackupId(id: string): Date | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})(\d{2})$/.exec(id);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time.getTime()) || backupIdOf(time) !== id ? undefined : time;
}
