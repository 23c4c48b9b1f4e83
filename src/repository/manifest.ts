/** The manifest: the commit marker of a recovery point. Parsed here and nowhere else. */
import { z } from 'zod';
import { componentKinds } from '../domain/component.ts';
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import { backupTypes, manifestFormat, timeOfBackupId } from '../domain/recovery-point.ts';
import type { BackupId, JsonValue, Manifest } from '../domain/recovery-point.ts';
import { segmentSizes } from '../domain/wal.ts';
import { openDetails, sealDetails } from './details.ts';
import type { Members } from './details.ts';
import { decodeDocument, encodeDocument } from './document.ts';
import { layout } from './layout.ts';
import type { Secrets } from './secrets.ts';

const count = z.number().int().nonnegative();
/** Bounded as counts are: `restore.sh` compares both, and versions of jq differ in what they make of 1e400. */
const seconds = z.number().nonnegative().max(Number.MAX_SAFE_INTEGER);
const time = z.iso.datetime();
const jsonRecord = z.record(
  z.string(),
  z.custom<JsonValue>(
    (value) => isOrdinaryJson(value, 100),
    'holds a number that no double holds, or is nested too deeply',
  ),
);
const timestamp = z.string().refine((id) => timeOfBackupId(id) !== undefined, 'is no time as YYYYMMDD_HHMMSS');
const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** Below 2^62: `restore.sh` counts with a shell's 64 bits and sign. */
const lsn = z.string().regex(/^(?:[0-9A-F]{1,7}|[0-3][0-9A-F]{7})\/[0-9A-F]{1,8}$/);
const timeline = z
  .number()
  .int()
  .min(1)
  .max(2 ** 32 - 1);

/** By these archived WAL is found, read and replayed. */
const databaseFacts = z.object({
  systemIdentifier: z.string().regex(/^\d{1,20}$/),
  timeline,
  timelineTaken: z.boolean().optional(),
  startLsn: lsn.optional(),
  stopLsn: lsn,
  walSegmentBytes: z.literal([...segmentSizes]),
});

const anyComponent = z.object({
  // It becomes the name of a folder.
  id: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/),
  kind: z.enum(componentKinds),
  host: z.string(),
  indexId: z.string().regex(/^[0-9a-f]{32}$/),
  files: count,
  bytes: count,
  storedBytes: count,
  capturedFrom: time,
  capturedUntil: time,
  quiescence: z.enum(['quiesced', 'stable-window', 'snapshot', 'unproven']),
  suspect: z.boolean(),
  facts: jsonRecord,
  chain: z.object({ base: timestamp, timeline, endLsn: lsn, walBytes: count, forecastSeconds: seconds }).optional(),
});

/** A base without archived WAL may say less; whatever it says is compared, because commands and file names are made of it. */
const componentSchema = anyComponent.superRefine(({ kind, facts, chain }, context) => {
  if (kind !== 'postgres') {
    if (chain !== undefined)
      context.addIssue({ code: 'custom', path: ['chain'], message: 'is of a component without a log' });
    return;
  }
  const { success, error } = (chain === undefined ? databaseFacts.partial() : databaseFacts).safeParse(facts);
  if (success) return;
  for (const { path, message } of error.issues) context.addIssue({ code: 'custom', path: ['facts', ...path], message });
});

const refutedSchema = z.object({
  timestamp,
  number: count,
  at: z.string().optional(),
  levels: z.array(z.string()),
  components: z.array(z.string()),
  state: z.string(),
  unreadableManifest: z.boolean().optional(),
});

const manifestSchema = z.object({
  timestamp: z.string(),
  datetime: time,
  success: z.boolean(),
  backup_files: z.array(
    z.object({
      filename: z.string(),
      // Relative to the repository's root: a reader joins it to a folder.
      path: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/),
      size: count,
      checksum: digest,
    }),
  ),
  total_size: count,
  configuration: jsonRecord,
  lifeboat: z.object({
    format: z.literal(manifestFormat),
    repositoryId: z.string(),
    appliance: z.string(),
    type: z.enum(backupTypes),
    tool: z.string(),
    startedAt: time,
    sealedAt: time,
    skewSeconds: seconds,
    sequence: count.positive().optional(),
    previous: z.object({ timestamp, digest }).nullable(),
    missing: z.array(timestamp).optional(),
    refuted: z.array(refutedSchema).optional(),
    components: z
      .array(componentSchema)
      .refine((components) => new Set(components.map(({ id }) => id)).size === components.length, 'names one twice'),
    failures: z.array(z.object({ component: z.string(), code: z.string(), message: z.string() })),
    workflow: z.object({ id: z.string(), runId: z.string() }).nullable(),
  }),
});

/** Why a component is missing may name a file: the messages are sealed, component and code stay in clear. */
export function encodeManifest(manifest: Manifest, secrets: Secrets | undefined): Buffer {
  const { failures } = manifest.lifeboat;
  const clear = failures.map(({ component, code }) => ({ component, code, message: '' }));
  const details = sealDetails({ failures: failures.map((failure) => ({ ...failure })) }, { failures: clear }, secrets);
  const lifeboat = { ...manifest.lifeboat, ...details };
  return encodeDocument(layout.manifest(manifest.timestamp), { ...manifest, lifeboat }, secrets);
}

/**
 * ManifestInvalid for damage, forgery, or another repository's manifest; then FormatTooNew before anything else is looked
 * at. Only an authentic format number says anything: else one planted file would keep every older point from being found.
 */
export function decodeManifest(
  id: BackupId,
  bytes: Uint8Array,
  repository: { readonly id: string; readonly secrets: Secrets | undefined },
): Manifest {
  const key = layout.manifest(id);
  const document = decodeDocument(key, bytes, repository.secrets, 'ManifestInvalid') as Members;
  const { lifeboat } = document;
  if (
    typeof lifeboat === 'object' &&
    lifeboat !== null &&
    'format' in lifeboat &&
    typeof lifeboat.format === 'number' &&
    lifeboat.format > manifestFormat
  ) {
    throw new LifeboatError(
      'FormatTooNew',
      `manifest ${id} has format ${lifeboat.format}, this version reads up to ${manifestFormat}`,
    );
  }
  const parsed = manifestSchema.safeParse(withDetails(key, document, repository.secrets));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new LifeboatError(
      'ManifestInvalid',
      `manifest ${id}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is malformed'}`,
    );
  }
  const manifest: Manifest = parsed.data;
  if (manifest.timestamp !== id)
    throw new LifeboatError('ManifestInvalid', `manifest ${id} claims to be ${manifest.timestamp}`);
  if (manifest.lifeboat.repositoryId !== repository.id) {
    throw new LifeboatError(
      'ManifestInvalid',
      `manifest ${id} belongs to repository ${manifest.lifeboat.repositoryId}, this is ${repository.id}`,
    );
  }
  return manifest;
}

/** Whether the bytes are a manifest of the repository and of this id, also one of a newer format. */
export function isAuthenticManifest(
  id: BackupId,
  bytes: Uint8Array,
  repository: { readonly id: string; readonly secrets: Secrets | undefined },
): boolean {
  try {
    decodeManifest(id, bytes, repository);
    return true;
  } catch (error) {
    if (isLifeboatError(error, 'FormatTooNew')) return true;
    if (isLifeboatError(error, 'ManifestInvalid')) return false;
    throw error;
  }
}

/** What anybody nests more deeply in an open repository would end whoever walks it: jq 1.6 at 256 levels. */
function isOrdinaryJson(value: unknown, levels: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => isOrdinaryJson(each, levels - 1));
}

function withDetails(key: string, document: Members, secrets: Secrets | undefined): Members {
  const { lifeboat } = document;
  if (typeof lifeboat !== 'object' || lifeboat === null || Array.isArray(lifeboat)) return document;
  return { ...document, lifeboat: openDetails(key, lifeboat as Members, secrets, 'ManifestInvalid') };
}
