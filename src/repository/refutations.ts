/**
 * `refutations/<TS>.json`: which proofs of a recovery point spoke against it, and how deep each looked. A proof that is
 * taken away or damaged must not make its point good again: what stands here counts as long as no proof lifts it.
 */
import { LifeboatError } from '../domain/errors.ts';
import { isRefuted, type BackupId, type JsonValue } from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import { decodeDocument, encodeDocument, isUnreadable } from './document.ts';
import { backupIdOf, layout } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import type { NumberedProof, ProofContext, ProofRecord } from './proofs.ts';

/** Member of a proof that says of a point only that its manifest cannot be read: nobody knows whether it was ever sealed. */
export const unreadableManifest = 'unreadableManifest';

/** What of a proof says how much it counts; all of it may be read without a key. */
const kept = ['at', 'levels', 'level', 'components', 'state', 'damagedPacks', unreadableManifest] as const;

/** By number; empty where none ever spoke against the point. A damaged record tells nothing, and is warned of. */
export async function readRefutations(
  { storage, secrets, warn }: ProofContext,
  id: BackupId,
): Promise<NumberedProof[]> {
  const key = layout.refutation(id);
  if ((await storage.stat(key)) === undefined) return [];
  try {
    const { proofs } = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as {
      readonly proofs: readonly ProofRecord[];
    };
    return proofs.map(({ number, ...proof }) => ({ number: Number(number), proof: { ...proof, ok: false } }));
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    warn(`${error.message}; the proofs of ${id} alone tell what was found`);
    return [];
  }
}

/** Makes the record say at least what the given proofs say. May run twice. */
export async function noteRefutations(
  context: ProofContext,
  id: BackupId,
  proofs: readonly NumberedProof[],
): Promise<void> {
  const { storage, secrets } = context;
  const key = layout.refutation(id);
  // A few losses against other verifications of the point are enough.
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const info = await storage.stat(key);
    const known = await readRefutations(context, id);
    const lacking = proofs.filter(
      ({ number, proof }) => isRefuted(stateOf(proof)) && !known.some((each) => each.number === number),
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
  for await (const { key } of ownObjects(storage, layout.refutations))
    ids.add(backupIdOf(key, layout.refutation) ?? '');
  return ids;
}

function entryOf({ number, proof }: NumberedProof): Readonly<Record<string, JsonValue>> {
  const members = kept.flatMap((name) => (proof[name] === undefined ? [] : [[name, proof[name]] as const]));
  return { number, ...Object.fromEntries(members) };
}

function stateOf({ state }: ProofRecord): string | undefined {
  return typeof state === 'string' ? state : undefined;
}
