/**
 * Which proofs of a recovery point spoke against it, and how deep each looked. A proof that is taken away or damaged must
 * not make its point good again: what it said counts as long as no proof lifts it. It is kept in three places beside the
 * proof: in `refutations/<TS>.json`, in `reports/refuted/<TS>.json`, and in every manifest that is sealed while it stands.
 * The third is not told by the point's name: who hides a failure must take newer recovery points away as well.
 */
import { LifeboatError } from '../domain/errors.ts';
import { isRefuted, type BackupId, type JsonValue, type Manifest } from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument, isUnreadable } from './document.ts';
import { backupIdOf, layout } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import type { NumberedProof, ProofContext, ProofRecord } from './proofs.ts';

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

/** By everything that tells; empty where nothing ever spoke against the point. A damaged record tells nothing, and is warned of. */
export async function readRefutations(context: ProofContext, id: BackupId): Promise<KnownRefutations> {
  const [own, ...others] = documentsOf(context, id);
  const known = new Map<string, Refutation>();
  const add = (by: string, { number, proof }: NumberedProof): void => {
    const name = nameOf({ number, proof });
    const standing = known.get(name);
    known.set(name, { number, proof: standing?.proof ?? proof, by: [...(standing?.by ?? []), by] });
  };
  for (const each of await readRecord(context, own)) add(own, each);
  const noted = new Set(known.keys());
  const more: string[] = [];
  for (const key of others)
    for (const each of await readRecord(context, key)) {
      if (!noted.has(nameOf(each)) && !more.includes(key)) more.push(key);
      add(key, each);
    }
  for (const manifest of (await context.manifests?.()) ?? [])
    for (const each of namedIn(manifest, id)) add(layout.manifest(manifest.timestamp), each);
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
    const known = await readRecord(context, key);
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

/** Points that a proof ever spoke against, by names alone. */
export async function refutedPoints(storage: Storage): Promise<ReadonlySet<BackupId>> {
  const ids = new Set<BackupId>();
  for (const [folder, keyOf] of [
    [layout.refutations, layout.refutation],
    [layout.reportsOf(refutedReport), refutedReportOf],
  ] as const)
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

async function readRecord({ storage, secrets, warn }: ProofContext, key: string): Promise<NumberedProof[]> {
  if ((await storage.stat(key)) === undefined) return [];
  try {
    const { proofs } = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as {
      readonly proofs: readonly ProofRecord[];
    };
    return proofs.map(({ number, ...proof }) => ({ number: Number(number), proof: { ...proof, ok: false } }));
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    warn(`${error.message}; what else is kept tells what was found`);
    return [];
  }
}

function namedIn({ lifeboat }: Manifest, id: BackupId): NumberedProof[] {
  return (lifeboat.refuted ?? []).flatMap(({ timestamp, number, ...proof }) =>
    timestamp === id ? [{ number, proof: { ...proof, ok: false } }] : [],
  );
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
