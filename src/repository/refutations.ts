/**
 * Which proofs of a recovery point spoke against it, and how deep each looked. A proof that is taken away or damaged must
 * not make its point good again: what it said counts as long as no proof lifts it. It is kept in three places beside the
 * proof: in `refutations/<TS>.json`, in `reports/refuted/<TS>.json`, and in every manifest that is sealed while it stands.
 * The third is not told by the point's name: who hides a failure must take newer recovery points away as well.
 */
import { LifeboatError } from '../domain/errors.ts';
import { isRefuted, type BackupId, type JsonValue, type Manifest } from '../domain/recovery-point.ts';
import type { ObjectInfo, Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument, isUnreadable } from './document.ts';
import { backupIdOf, layout } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import type { NumberedProof, ProofContext, ProofRecord } from './proof-types.ts';

export interface Refutation extends NumberedProof {
  /** Keys of the documents that say so. */
  readonly by: readonly string[];
}

export interface KnownRefutations {
  /** By number. */
  readonly refutations: readonly Refutation[];
  /** What is gone or says less than it did. */
  readonly problems: readonly string[];
}

/** Type of the reports that say the same as `refutations/`. */
export const refutedReport = 'refuted';

export function refutedReportOf(id: BackupId): string {
  return layout.report(refutedReport, id);
}

/** Member of a proof that says of a point only that its manifest cannot be read: nobody knows whether it was ever sealed. */
export const unreadableManifest = 'unreadableManifest';

/** What of a proof says how much it counts; all of it may be read without a key. */
const kept = ['at', 'levels', 'level', 'components', 'state', 'damagedPacks', unreadableManifest] as const;

/** Where something stands that may speak against a point, told without reading it. */
export interface RefutationPlaces {
  /** Records that are there, by key; of other points too. */
  readonly records: ReadonlyMap<string, ObjectInfo>;
  readonly named: readonly NamedRefutation[];
}

interface NamedRefutation extends NumberedProof {
  /** Key of the manifest that names it. */
  readonly by: string;
}

export async function refutationPlaces(context: ProofContext, id: BackupId): Promise<RefutationPlaces> {
  const infos = await Promise.all(documentsOf(context, id).map(async (key) => context.storage.stat(key)));
  const manifests = (await context.manifests?.()) ?? [];
  return { records: byKey(infos.flatMap((info) => info ?? [])), named: namedIn(manifests).get(id) ?? [] };
}

/** Where the refutations of all points are, by a listing of each folder. */
export async function allRefutationPlaces(
  context: ProofContext,
): Promise<{ readonly subjects: ReadonlySet<BackupId>; readonly of: (id: BackupId) => RefutationPlaces }> {
  const { storage } = context;
  const infos: ObjectInfo[] = [];
  const subjects = new Set<BackupId>();
  for (const [folder, keyOf] of recordFolders)
    for await (const info of ownObjects(storage, folder)) {
      const id = backupIdOf(info.key, keyOf);
      if (id === undefined) continue;
      infos.push(info);
      subjects.add(id);
    }
  const records = byKey(infos);
  const named = namedIn((await context.manifests?.()) ?? []);
  return { subjects, of: (id) => ({ records, named: named.get(id) ?? [] }) };
}

function byKey(infos: readonly ObjectInfo[]): ReadonlyMap<string, ObjectInfo> {
  return new Map(infos.map((info) => [info.key, info]));
}

/** By everything that tells; empty where nothing ever spoke against the point. A damaged record tells nothing, and is warned of. */
export async function readRefutations(
  context: ProofContext,
  id: BackupId,
  places: RefutationPlaces,
): Promise<KnownRefutations> {
  const [own, ...others] = documentsOf(context, id);
  const known = new Map<string, Refutation>();
  const add = (by: string, { number, proof }: NumberedProof): void => {
    const name = nameOf({ number, proof });
    const standing = known.get(name);
    known.set(name, { number, proof: standing?.proof ?? proof, by: [...(standing?.by ?? []), by] });
  };
  for (const each of await readRecord(context, places.records.get(own))) add(own, each);
  const noted = new Set(known.keys());
  const more: string[] = [];
  for (const key of others)
    for (const each of await readRecord(context, places.records.get(key))) {
      if (!noted.has(nameOf(each)) && !more.includes(key)) more.push(key);
      add(key, each);
    }
  for (const { by, ...each } of places.named) add(by, each);
  return {
    refutations: [...known.values()].toSorted((a, b) => a.number - b.number),
    problems: more.map((key) => `${own} is gone, damaged or put back: it says less than ${key}`),
  };
}

/** Makes each record say at least what the given proofs say. May run twice. */
export async function noteRefutations(
  context: ProofContext,
  id: BackupId,
  proofs: readonly NumberedProof[],
): Promise<void> {
  for (const key of documentsOf(context, id)) await noteIn(context, key, proofs);
}

async function noteIn(context: ProofContext, key: string, proofs: readonly NumberedProof[]): Promise<void> {
  const { storage, secrets } = context;
  // A few losses against other verifications of the point are enough.
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const info = await storage.stat(key);
    const known = await readRecord(context, info);
    const lacking = proofs.filter(
      (each) => isRefuted(stateOf(each.proof)) && !known.some((other) => nameOf(other) === nameOf(each)),
    );
    if (lacking.length === 0) return;
    const all = [...known, ...lacking].toSorted((a, b) => a.number - b.number);
    const bytes = encodeDocument(key, { proofs: all.map(entryOf) }, secrets);
    if (info === undefined) {
      if ((await storage.putIfAbsent(key, bytes)) === 'created') return;
    } else if ((await storage.replaceIf(key, info.version, bytes)) !== undefined) return;
  }
  throw new LifeboatError('StorageFailed', `${key} is replaced by somebody else again and again`);
}

const recordFolders = [
  [layout.refutations, layout.refutation],
  [layout.reportsOf(refutedReport), refutedReportOf],
] as const;

/** Points that a proof ever spoke against, by names alone. */
export async function refutedPoints(storage: Storage): Promise<ReadonlySet<BackupId>> {
  const ids = new Set<BackupId>();
  for (const [folder, keyOf] of recordFolders)
    for await (const { key } of ownObjects(storage, folder)) {
      const id = backupIdOf(key, keyOf);
      if (id !== undefined) ids.add(id);
    }
  return ids;
}

/** `refutations/` first. Reports of the repository come to its copies too, where they say nothing of the copy. */
function documentsOf({ isCopy }: ProofContext, id: BackupId): readonly [string, ...string[]] {
  return [layout.refutation(id), ...(isCopy === true ? [] : [refutedReportOf(id)])];
}

async function readRecord(
  { storage, secrets, warn, documents }: ProofContext,
  info: ObjectInfo | undefined,
): Promise<NumberedProof[]> {
  if (info === undefined) return [];
  const { key } = info;
  const read = async (): Promise<NumberedProof[]> => {
    const { proofs } = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as {
      readonly proofs: readonly ProofRecord[];
    };
    return proofs.map(({ number, ...proof }) => ({ number: Number(number), proof: { ...proof, ok: false } }));
  };
  try {
    return await (documents?.read(info, read) ?? read());
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    warn(`${error.message}; what else is kept tells what was found`);
    return [];
  }
}

/** What manifests name, by point, in the order of the manifests. */
function namedIn(manifests: readonly Manifest[]): ReadonlyMap<BackupId, readonly NamedRefutation[]> {
  const named = new Map<BackupId, NamedRefutation[]>();
  for (const { timestamp: naming, lifeboat } of manifests)
    for (const { timestamp, number, ...proof } of lifeboat.refuted ?? []) {
      const each = { number, proof: { ...proof, ok: false }, by: layout.manifest(naming) };
      named.set(timestamp, [...(named.get(timestamp) ?? []), each]);
    }
  return named;
}

/** A number may have been given twice, where nothing told any more that it had been given. */
export function nameOf({ number, proof: { at } }: NumberedProof): string {
  return `${number} ${typeof at === 'string' ? at : ''}`;
}

function entryOf({ number, proof }: NumberedProof): Readonly<Record<string, JsonValue>> {
  const members = kept.flatMap((name) => (proof[name] === undefined ? [] : [[name, proof[name]] as const]));
  return { number, ...Object.fromEntries(members) };
}

function stateOf({ state }: ProofRecord): string | undefined {
  return typeof state === 'string' ? state : undefined;
}
