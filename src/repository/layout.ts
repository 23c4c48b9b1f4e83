/** Every key of a repository. docs/repository-format.md shows the same tree. */
import { LifeboatError } from '../domain/errors.ts';
import { timeOfBackupId } from '../domain/recovery-point.ts';
import type { BackupId } from '../domain/recovery-point.ts';

/** The format of repository.json, keys, frames, packs and indexes that this version writes and the newest that it reads. */
export const repositoryFormat = 1;

/** A backup id, or `recovery-kit`. */
export type ProofSubject = string;

export const layout = {
  repository: 'repository.json',
  restoreScript: 'restore.sh',
  restoreGuide: 'RESTORE.md',
  keys: 'keys/',
  key: (id: string) => `keys/${id}.json`,
  packs: 'packs/',
  pack: (id: string) => `packs/${id.slice(0, 2)}/${id}`,
  indexes: 'indexes/',
  index: (id: string) => `indexes/${id}`,
  allWal: 'wal/',
  walOf: (component: string, systemId: string) => `wal/${safeName(component)}/${safeName(systemId)}/`,
  /** `name` is a segment, a stretch of one, a history file or `coverage.json`. */
  wal: (component: string, systemId: string, timeline: number, name: string) =>
    `wal/${safeName(component)}/${safeName(systemId)}/${timeline.toString(16).toUpperCase().padStart(8, '0')}/${name}`,
  manifests: 'manifests/',
  manifest: (id: BackupId) =>
    `manifests/${id.slice(0, 4)}/${id.slice(4, 6)}/${id.slice(6, 8)}/backup_manifest_${id}.json`,
  intents: 'intents/',
  intent: (id: BackupId) => `intents/${id}.json`,
  allProofs: 'proofs/',
  proofs: (of: ProofSubject) => `proofs/${of}/`,
  proof: (of: ProofSubject, number: number) => `proofs/${of}/${String(number).padStart(4, '0')}.json`,
  reports: 'reports/',
  reportsOf: (type: string) => `reports/${safeName(type)}/`,
  report: (type: string, id: string) => `reports/${safeName(type)}/${safeName(id)}.json`,
  holds: 'holds/',
  hold: (id: BackupId) => `holds/${id}.json`,
  lease: (name: string) => `leases/${safeName(name)}.json`,
  tombstones: 'tombstones/',
  /** An object is marked for removal by the object of the same key below `tombstones/`. */
  tombstone: (key: string) => `tombstones/${key}`,
  /** Bytes of an object that was found damaged, under its key. */
  damaged: (key: string) => `damaged/${key}`,
} as const;

/** The backup id that a manifest's key names; undefined for anything else below `manifests/`. */
export function backupIdOfManifestKey(key: string): BackupId | undefined {
  const id = /\/backup_manifest_(\d{8}_\d{6})\.json$/.exec(key)?.[1];
  return id !== undefined && timeOfBackupId(id) !== undefined && layout.manifest(id) === key ? id : undefined;
}

export function assertBackupId(id: string): void {
  if (timeOfBackupId(id) === undefined)
    throw new LifeboatError('InputInvalid', `backup id ${JSON.stringify(id)} is not YYYYMMDD_HHMMSS`);
}

/**
 * Workflow ids hold `/` and `:`. A name of plain characters stands as it is; any other character becomes `.xx` of its
 * UTF-8 bytes, and a real dot `.2e`, so that two ids never share a key.
 */
function safeName(name: string): string {
  if (name === '') throw new LifeboatError('InputInvalid', 'an empty name cannot be stored');
  return [...Buffer.from(name, 'utf8')]
    .map((byte, index) =>
      isPlain(byte) ? String.fromCharCode(byte) : `${index === 0 ? '_' : ''}.${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
}

function isPlain(byte: number): boolean {
  return /[A-Za-z0-9_-]/.test(String.fromCharCode(byte));
}

/** The name that `safeName` stored. */
export function originalName(stored: string): string {
  const bytes: number[] = [];
  const text = stored.startsWith('_.') ? stored.slice(1) : stored;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '.') {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(text.charCodeAt(at));
  }
  return Buffer.from(bytes).toString('utf8');
}
