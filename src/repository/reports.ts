/** `reports/<type>/<id>.json`: evidence of runs, readable after Temporal forgot them. */
import { LifeboatError } from '../domain/errors.ts';
import type { JsonValue } from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import { only, openDetails, sealDetails } from './details.ts';
import { decodeDocument, encodeDocument, isUnreadable } from './document.ts';
import { layout, originalName } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import type { Secrets } from './secrets.ts';

export type Report = Readonly<Record<string, JsonValue>>;

interface ReportContext {
  readonly storage: Storage;
  readonly secrets: Secrets | undefined;
  readonly warn: (message: string) => void;
}

/** Readable without a key. Texts, notes and probes name files and what is in them, and a reason may say anything. */
const clear = [
  'workflowId',
  'runId',
  'state',
  'undone',
  'holder',
  'backup',
  'requestedBy',
  'startedAt',
  'endedAt',
  'seconds',
  'lateSeconds',
  'rtoBreached',
  'estimateSeconds',
  'bytes',
  'storedBytes',
  'objects',
  'levels',
];
const clearOfStep = ['id', 'state', 'seconds', 'startedAt'];

/** Creates or replaces the report and returns its key. */
export async function putReport(
  storage: Storage,
  name: { readonly type: string; readonly id: string },
  report: Report,
  secrets: Secrets | undefined,
): Promise<string> {
  const key = layout.report(name.type, name.id);
  const bytes = encodeDocument(key, sealDetails(report, clearOf(report), secrets), secrets);
  if ((await storage.putIfAbsent(key, bytes)) === 'created') return key;
  // A step that runs twice writes its report twice; a few losses against another writer of the same report are enough.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const info = await storage.stat(key);
    if (info !== undefined && (await storage.replaceIf(key, info.version, bytes)) !== undefined) return key;
  }
  throw new LifeboatError('StorageFailed', `report ${key} is replaced by somebody else again and again`);
}

/** Undefined where there is none. ObjectCorrupt for one that does not authenticate. */
export async function getReport(
  storage: Storage,
  name: { readonly type: string; readonly id: string },
  secrets: Secrets | undefined,
): Promise<Report | undefined> {
  const key = layout.report(name.type, name.id);
  if ((await storage.stat(key)) === undefined) return undefined;
  return readReport(storage, key, secrets);
}

/** Undefined also where it cannot be read, which is warned of: for what goes on without it. */
export async function findReport(
  { storage, secrets, warn }: ReportContext,
  name: { readonly type: string; readonly id: string },
): Promise<Report | undefined> {
  try {
    return await getReport(storage, name, secrets);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    warn(`${error.message}; it is passed over`);
    return undefined;
  }
}

/** ObjectMissing, ObjectCorrupt. */
export async function readReport(storage: Storage, key: string, secrets: Secrets | undefined): Promise<Report> {
  const stored = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as Report;
  return openDetails(key, stored, secrets);
}

/** Steps stay, so that a reader without a key sees how far a run came; their notes go. */
function clearOf(report: Report): Report {
  const { steps } = report;
  const members = only(report, clear);
  if (!Array.isArray(steps)) return members;
  return { ...members, steps: steps.map((step: JsonValue) => only(step as Report, clearOfStep)) };
}

/** The newer report first. Of two that were stored in the same millisecond, the one with the greater id is newer, for ids hold a time. */
export function byNewest(a: StoredReport, b: StoredReport): number {
  if (a.modifiedAt !== b.modifiedAt) return a.modifiedAt < b.modifiedAt ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}

interface StoredReport {
  readonly id: string;
  readonly modifiedAt: string;
}

/** Newest first. */
export async function listReports(
  storage: Storage,
  type?: string,
): Promise<{ type: string; id: string; modifiedAt: string }[]> {
  const found: { type: string; id: string; modifiedAt: string }[] = [];
  const folder = type === undefined ? layout.reports : layout.reportsOf(type);
  for await (const { key, modifiedAt } of ownObjects(storage, folder)) {
    const [, storedType = '', name = ''] = key.split('/');
    found.push({
      type: originalName(storedType),
      id: originalName(name.slice(0, -'.json'.length)),
      modifiedAt: modifiedAt.toISOString(),
    });
  }
  return found.sort(byNewest);
}
