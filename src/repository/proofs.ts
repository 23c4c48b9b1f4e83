/** `proofs/<TS>/<n>.json`: what was proven about a recovery point, and when. Written beside the manifest, never into it. */
import { stateByProofs, verdictOf, type ProofVerdict } from '../domain/proof-state.ts';
import { isRefuted, type JsonValue } from '../domain/recovery-point.ts';
import type { Storage } from '../storage/storage.ts';
import { only, openDetails, sealDetails } from './details.ts';
import { decodeDocument, encodeDocument, isUnreadable } from './document.ts';
import { layout, recoveryKit } from './layout.ts';
import type { ProofSubject } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import { noteRefutations, readRefutations, refutedPoints } from './refutations.ts';
import type { Secrets } from './secrets.ts';

export type ProofRecord = Readonly<Record<string, JsonValue>>;

export interface NumberedProof {
  readonly number: number;
  readonly proof: ProofRecord;
}

export interface ProofContext {
  readonly storage: Storage;
  readonly secrets: Secrets | undefined;
  readonly warn: (message: string) => void;
}

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

/** Appends under the next free number; `at` is the storage's time. What speaks against a point is noted beside its proofs too. */
export async function addProof(context: ProofContext, of: ProofSubject, proof: ProofRecord): Promise<void> {
  const { storage, secrets } = context;
  const members = { at: (await storage.now()).toISOString(), ...proof };
  const stored = sealDetails(members, only(members, clear), secrets);
  const { read } = await readKnown(context, of);
  const known = [...read, ...(await lostOf(context, of, read))];
  // After those that count: a number that somebody planted must not lead out of the numbers that there are.
  let number = 1 + Math.max(0, ...known.map((each) => each.number));
  for (;;) {
    const key = layout.proof(of, number);
    if ((await storage.putIfAbsent(key, encodeDocument(key, stored, secrets))) === 'created') break;
    number += 1;
  }
  // With those that were written before anybody noted them.
  if (of !== recoveryKit && isRefuted(verdictOf(members).state))
    await noteRefutations(context, of, [...read, { number, proof: members }]);
}

/** Oldest first. ObjectCorrupt names a proof that does not authenticate. */
export async function readProofs(
  storage: Storage,
  of: ProofSubject,
  secrets: Secrets | undefined,
): Promise<ProofRecord[]> {
  const proofs: ProofRecord[] = [];
  for (const key of await proofKeys(storage, of)) proofs.push(await readProof(storage, key, secrets));
  return proofs;
}

export interface KnownProofs {
  /** Oldest first: those that can be read, and of the others what is known that they said against the point. */
  readonly proofs: readonly ProofRecord[];
  /** What cannot be read, or is gone although it is known that it stood there. */
  readonly problems: readonly string[];
}

/**
 * All that is known. A damaged proof says nothing in favour of the point; what it said against it stands in the
 * refutations. Whoever damages both gains little: what is restored is authenticated anyway.
 */
export async function knownProofs(context: ProofContext, of: ProofSubject): Promise<KnownProofs> {
  const { read, problems } = await readKnown(context, of);
  const lost = await lostOf(context, of, read);
  return {
    proofs: [...read, ...lost].toSorted((a, b) => a.number - b.number).map(({ proof }) => proof),
    problems: [...problems, ...lost.map(({ number }) => lostText(of, number))],
  };
}

async function readKnown(
  { storage, secrets }: ProofContext,
  of: ProofSubject,
): Promise<{ readonly read: NumberedProof[]; readonly problems: string[] }> {
  const read: NumberedProof[] = [];
  const problems: string[] = [];
  for (const key of await proofKeys(storage, of)) {
    try {
      read.push({ number: numberOf(key), proof: await readProof(storage, key, secrets) });
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      problems.push(error.message);
    }
  }
  return { read, problems };
}

async function lostOf(
  context: ProofContext,
  of: ProofSubject,
  read: readonly NumberedProof[],
): Promise<NumberedProof[]> {
  if (of === recoveryKit) return [];
  const numbers = new Set(read.map(({ number }) => number));
  const lost = (await readRefutations(context, of)).filter(({ number }) => !numbers.has(number));
  return lost.map(({ number, proof }) => ({
    number,
    proof: { kind: 'verify', ...proof, problemCount: 1, problems: [lostText(of, number)] },
  }));
}

function lostText(of: ProofSubject, number: number): string {
  return `${layout.proof(of, number)} spoke against the point and is gone or damaged: it counts until a verification that looks as deep goes well`;
}

/** Newest first, as `knownProofs`; what is wrong with them is warned of. */
export async function believedProofs(context: ProofContext, of: ProofSubject): Promise<ProofRecord[]> {
  const { proofs, problems } = await knownProofs(context, of);
  for (const problem of problems) context.warn(`a proof of ${of}: ${problem}`);
  return proofs.toReversed();
}

/** Of which anything was ever proven or refuted, by names alone. */
export async function provenPoints(storage: Storage): Promise<ReadonlySet<ProofSubject>> {
  const subjects = new Set<ProofSubject>(await refutedPoints(storage));
  for await (const { key } of ownObjects(storage, layout.allProofs)) subjects.add(key.split('/')[1] ?? '');
  return subjects;
}

/** What all of them together say: a failure stands until a proof that looked as deep has lifted it. */
export async function pointState(context: ProofContext, of: ProofSubject): Promise<string | undefined> {
  const verdicts: ProofVerdict[] = (await believedProofs(context, of)).map(verdictOf);
  return stateByProofs(verdicts);
}

/** In the order of their numbers. */
async function proofKeys(storage: Storage, of: ProofSubject): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of ownObjects(storage, layout.proofs(of))) keys.push(key);
  return keys.sort((a, b) => numberOf(a) - numberOf(b));
}

async function readProof(storage: Storage, key: string, secrets: Secrets | undefined): Promise<ProofRecord> {
  const value = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt');
  return openDetails(key, value as ProofRecord, secrets);
}

/** Of a key of the layout. */
function numberOf(key: string): number {
  return Number(/\/(\d+)\.json$/.exec(key)?.[1]);
}
