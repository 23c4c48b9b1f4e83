/**
 * Every key of a repository, and what each kind of object is called. docs/repository-format.md shows the same tree. The key
 * alone decides whether an object is the repository's: what it has no kind for lies around there, and is passed over.
 */
import { LifeboatError } from '../domain/errors.ts';
import { timeOfBackupId } from '../domain/recovery-point.ts';
import type { BackupId } from '../domain/recovery-point.ts';

/** The format of repository.json, keys, frames, packs and indexes that this version writes and the newest that it reads. */
export const repositoryFormat = 1;

/** A backup id, or `recovery-kit`. */
export type ProofSubject = string;

export const recoveryKit = 'recovery-kit';

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
  leases: 'leases/',
  lease: (name: string) => `leases/${safeName(name)}.json`,
  tombstones: 'tombstones/',
  /** An object is marked for removal by the object of the same key below `tombstones/`. */
  tombstone: (key: string) => `tombstones/${key}`,
  refutations: 'refutations/',
  /** Which proofs of a point spoke against it, beside the proofs themselves. */
  refutation: (id: BackupId) => `refutations/${id}.json`,
  allDamaged: 'damaged/',
  /** Bytes of an object that was found damaged, under its key. */
  damaged: (key: string) => `damaged/${key}`,
} as const;

/** Whether a key names an object, for each kind of object. */
const kinds = {
  identity: (key) => key === layout.repository,
  restoreScript: (key) => key === layout.restoreScript,
  restoreGuide: (key) => key === layout.restoreGuide,
  key: (key) => /^keys\/[0-9a-f]{16}\.json$/.test(key),
  pack: (key) => /^packs\/([0-9a-f]{2})\/\1[0-9a-f]{62}$/.test(key),
  index: (key) => /^indexes\/[0-9a-f]{32}$/.test(key),
  wal: (key) => isWal(key, walPiece),
  history: (key) => isWal(key, walHistory),
  coverage: (key) => isWal(key, walCoverage),
  manifest: (key) => backupIdOfManifestKey(key) !== undefined,
  proof: (key) => {
    const [, of = '', number = ''] = /^proofs\/([^/]+)\/(\d{4,9})\.json$/.exec(key) ?? [];
    return (of === recoveryKit || isBackupId(of)) && layout.proof(of, Number(number)) === key;
  },
  refutation: (key) => backupIdOf(key, layout.refutation) !== undefined,
  report: (key) => {
    const [, type = '', id = ''] = /^reports\/([^/]+)\/([^/]+)\.json$/.exec(key) ?? [];
    return isSafeName(type) && isSafeName(id);
  },
  intent: (key) => backupIdOf(key, layout.intent) !== undefined,
  hold: (key) => backupIdOf(key, layout.hold) !== undefined,
  lease: (key) => isSafeName(/^leases\/([^/]+)\.json$/.exec(key)?.[1] ?? ''),
  tombstone: (key) => key.startsWith(layout.tombstones) && mayBeMarked(key.slice(layout.tombstones.length)),
  damaged: (key) => key.startsWith(layout.allDamaged) && mayBeDamaged(key.slice(layout.allDamaged.length)),
} as const satisfies Readonly<Record<string, (key: string) => boolean>>;

export type ObjectKind = keyof typeof kinds;

export const objectKinds = Object.keys(kinds) as readonly ObjectKind[];

/** Undefined for what is not the repository's. */
export function kindOf(key: string): ObjectKind | undefined {
  return objectKinds.find((kind) => kinds[kind](key));
}

/** Folders of which each object of a repository lies in one, but for those that lie at its root. */
export const folders: readonly string[] = [
  layout.keys,
  layout.packs,
  layout.indexes,
  layout.allWal,
  layout.manifests,
  layout.allProofs,
  layout.refutations,
  layout.reports,
  layout.intents,
  layout.holds,
  layout.leases,
  layout.tombstones,
  layout.allDamaged,
];

/** Whether objects of a repository may lie in the folder or below it; its path is empty or ends in `/`. */
export function isOwnFolder(path: string): boolean {
  if (path === '' || folders.includes(path)) return true;
  if (path.startsWith(layout.tombstones)) return isOwnFolder(path.slice(layout.tombstones.length));
  if (path.startsWith(layout.allDamaged)) return isOwnFolder(path.slice(layout.allDamaged.length));
  const [, component = '', systemId] = /^wal\/([^/]+)\/(?:([^/]+)\/(?:[0-9A-F]{8}\/)?)?$/.exec(path) ?? [];
  if (component !== '') return isSafeName(component) && (systemId === undefined || isSafeName(systemId));
  const of = /^proofs\/([^/]+)\/$/.exec(path)?.[1];
  if (of !== undefined) return of === recoveryKit || isBackupId(of);
  const type = /^reports\/([^/]+)\/$/.exec(path)?.[1];
  if (type !== undefined) return isSafeName(type);
  return /^(?:packs\/[0-9a-f]{2}|manifests\/\d{4}(?:\/\d{2}){0,2})\/$/.test(path);
}

export const rootObjects: readonly string[] = [layout.repository, layout.restoreScript, layout.restoreGuide];

function mayBeMarked(key: string): boolean {
  return kinds.pack(key) || kinds.index(key) || kinds.manifest(key);
}

/** A damaged object of a folder that this is one of itself would be kept twice. */
function mayBeDamaged(key: string): boolean {
  const kind = kindOf(key);
  return kind !== undefined && kind !== 'damaged';
}

const segment = '[0-9A-F]{16}';
const walPiece = (timeline: string): string => `${timeline}${segment}(?:\\.${segment}-${segment})?`;
const walHistory = (): string => '[0-9A-F]{8}\\.history';
const walCoverage = (): string => 'coverage\\.json';

function isWal(key: string, nameOn: (timeline: string) => string): boolean {
  const [, component = '', systemId = '', timeline = '', name = ''] =
    /^wal\/([^/]+)\/([^/]+)\/([0-9A-F]{8})\/([^/]+)$/.exec(key) ?? [];
  return isSafeName(component) && isSafeName(systemId) && new RegExp(`^${nameOn(timeline)}$`).test(name);
}

/** The backup id that a manifest's key names; undefined for anything else below `manifests/`. */
export function backupIdOfManifestKey(key: string): BackupId | undefined {
  return backupIdOf(key, layout.manifest);
}

/** The backup id of a key that `keyOf` gives for one. */
export function backupIdOf(key: string, keyOf: (id: BackupId) => string): BackupId | undefined {
  const id = /(\d{8}_\d{6})\.json$/.exec(key)?.[1];
  return id !== undefined && isBackupId(id) && keyOf(id) === key ? id : undefined;
}

function isBackupId(id: string): boolean {
  return timeOfBackupId(id) !== undefined;
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

/** Whether it is what `safeName` gives for some name. */
function isSafeName(stored: string): boolean {
  return stored !== '' && safeName(originalName(stored)) === stored;
}
