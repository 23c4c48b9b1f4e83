/** `proofs/<TS>/<n>.json`: what was proven about a recovery point, and when. Written beside the manifest, never into it. */
import { isLifeboatError, LifeboatError } from '../domain/errors.ts';
import { stateByProofs, verdictOf, type ProofVerdict } from '../domain/proof-state.ts';
import type { JsonValue } from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import { only, openDetails, sealDetails } from './details.ts';
import { decodeDocument, encodeDocument } from './document.ts';
import { layout } from './layout.ts';
import type { ProofSubject } from './layout.ts';
import type { Secrets } from './secrets.ts';

export type ProofRecord = Readonly<Record<string, JsonValue>>;

/** Readable without a key; problems name files, and whatever else a proof may say is sealed too. */
const clear = [
  'at',
  'kind',
  'level',
  'levels',
  'ok',
  'state',
  'objects',
  'bytes',
  'components',
  'problemCount',
  'damagedPacks',
];

/** Appends under the next free number; `at` is the storage's time. */
export async function addProof(
  storage: Storage,
  of: ProofSubject,
  proof: ProofRecord,
  secrets: Secrets | undefined,
): Promise<void> {
  const members = { at: (await storage.now()).toISOString(), ...proof };
  const stored = sealDetails(members, only(members, clear), secrets);
  let number = 1;
  for await (const { key } of storage.list(layout.proofs(of))) number = Math.max(number, numberOf(key) + 1);
  for (;;) {
    const key = layout.proof(of, number);
    if ((await storage.putIfAbsent(key, encodeDocument(key, stored, secrets))) === 'created') return;
    number += 1;
  }
}

/** Oldest first. ObjectCorrupt names a proof that does not authenticate. */
export async function readProofs(
  storage: Storage,
  of: ProofSubject,
  secrets: Secrets | undefined,
): Promise<ProofRecord[]> {
  const proofs: ProofRecord[] = [];
  for await (const { key } of storage.list(layout.proofs(of))) {
    const value = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt');
    proofs.push(openDetails(key, value as ProofRecord, secrets));
  }
  return proofs;
}

export interface ProofContext {
  readonly storage: Storage;
  readonly secrets: Secrets | undefined;
  readonly warn: (message: string) => void;
}

/**
 * Newest first. A damaged one is passed over: it says nothing, also nothing against the point. What is restored is
 * authenticated anyway, and an older point in its place would lose data for sure.
 */
export async function* readableProofs(
  { storage, secrets, warn }: ProofContext,
  of: ProofSubject,
): AsyncGenerator<ProofRecord> {
  const keys: string[] = [];
  for await (const { key } of storage.list(layout.proofs(of))) keys.push(key);
  for (const key of keys.sort((a, b) => numberOf(b) - numberOf(a))) {
    try {
      yield decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt') as ProofRecord;
    } catch (error) {
      if (!isLifeboatError(error, 'ObjectCorrupt') && !isLifeboatError(error, 'ObjectMissing')) throw error;
      warn(`${error.message}; it is passed over`);
    }
  }
}

export async function provenPoints(storage: Storage): Promise<ReadonlySet<ProofSubject>> {
  const subjects = new Set<ProofSubject>();
  for await (const { key } of storage.list(layout.allProofs)) subjects.add(key.split('/')[1] ?? '');
  return subjects;
}

/** What all of them together say: a failure stands until a proof that looked as deep has lifted it. */
export async function pointState(context: ProofContext, of: ProofSubject): Promise<string | undefined> {
  const verdicts: ProofVerdict[] = [];
  for await (const proof of readableProofs(context, of)) verdicts.push(verdictOf(proof));
  return stateByProofs(verdicts);
}

function numberOf(key: string): number {
  const number = Number(/\/(\d+)\.json$/.exec(key)?.[1]);
  if (!Number.isSafeInteger(number)) throw new LifeboatError('ObjectCorrupt', `${key} is not named like a proof`);
  return number;
}
