/** `proofs/<TS>/<n>.json`: what was proven about a recovery point, and when. Written beside the manifest, never into it. */
import { stateByProofs, verdictOf, type ProofVerdict } from '../domain/proof-state.ts';
import { isRefuted } from '../domain/recovery-point.ts';
import type { ObjectInfo, Storage } from '../storage/storage.ts';
import { only, openDetails, sealDetails } from './details.ts';
import { decodeDocument, encodeDocument, isUnreadable } from './document.ts';
import { layout, recoveryKit } from './layout.ts';
import type { ProofSubject } from './layout.ts';
import { ownObjects } from './own-objects.ts';
import {
  allRefutationPlaces,
  nameOf,
  noteRefutations,
  readRefutations,
  refutationPlaces,
  unreadableManifest,
  type KnownRefutations,
  type RefutationPlaces,
} from './refutations.ts';
import type { Secrets } from './secrets.ts';
import type { ProofRecord, NumberedProof, ProofContext } from './proof-types.ts';

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
  unreadableManifest,
];

/** Appends under the next free number; `at` is the storage's time. What speaks against a point is noted beside its proofs too. */
export async function addProof(context: ProofContext, of: ProofSubject, proof: ProofRecord): Promise<void> {
  const { storage, secrets } = context;
  const members = { at: (await storage.now()).toISOString(), ...proof };
  const stored = sealDetails(members, only(members, clear), secrets);
  const places = await placesOf(context, of);
  const { read } = await readKnown(context, places);
  const known = [...read, ...(await lostOf(context, of, read, places)).lost];
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
  for (const { key } of await proofObjects(storage, of)) proofs.push(await readProof(storage, key, secrets));
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
export async function knownProofs(context: ProofContext, of: ProofSubject, places?: ProofPlaces): Promise<KnownProofs> {
  const { numbered, problems } = await numberedProofs(context, of, places);
  return { proofs: numbered.map(({ proof }) => proof), problems };
}

/** Where something stands that was proven of a point, or may speak against it, told without reading it. */
export interface ProofPlaces extends RefutationPlaces {
  /** In the order of their numbers. */
  readonly proofs: readonly ObjectInfo[];
}

async function placesOf(context: ProofContext, of: ProofSubject): Promise<ProofPlaces> {
  const [proofs, refutations] = await Promise.all([
    proofObjects(context.storage, of),
    of === recoveryKit ? { records: new Map<string, ObjectInfo>(), named: [] } : refutationPlaces(context, of),
  ]);
  return { proofs, ...refutations };
}

/** The same, each with its number. */
export async function numberedProofs(
  context: ProofContext,
  of: ProofSubject,
  known?: ProofPlaces,
): Promise<{ readonly numbered: readonly NumberedProof[]; readonly problems: readonly string[] }> {
  const places = known ?? (await placesOf(context, of));
  const { read, problems } = await readKnown(context, places);
  const { lost, problems: lacking } = await lostOf(context, of, read, places);
  return {
    // A stable order: of two with one number the one that is there is the newer.
    numbered: [...lost, ...read].toSorted((a, b) => a.number - b.number),
    problems: [...problems, ...lost.flatMap(({ proof }) => proof['problems'] as string[]), ...lacking],
  };
}

async function readKnown(
  { storage, secrets, documents }: ProofContext,
  { proofs }: ProofPlaces,
): Promise<{ readonly read: NumberedProof[]; readonly problems: string[] }> {
  const read: NumberedProof[] = [];
  const problems: string[] = [];
  for (const info of proofs) {
    const { key } = info;
    const readNow = async (): Promise<ProofRecord> => readProof(storage, key, secrets);
    try {
      read.push({ number: numberOf(key), proof: await (documents?.read(info, readNow) ?? readNow()) });
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      problems.push(error.message);
    }
  }
  return { read, problems };
}

/** What spoke against the point, by everything that tells, and is not among the proofs that can be read. */
async function lostOf(
  context: ProofContext,
  of: ProofSubject,
  read: readonly NumberedProof[],
  places: ProofPlaces,
): Promise<{ readonly lost: readonly NumberedProof[]; readonly problems: readonly string[] }> {
  if (of === recoveryKit) return { lost: [], problems: [] };
  const { refutations, problems }: KnownRefutations = await readRefutations(context, of, places);
  const there = new Set(read.map(nameOf));
  const lost = refutations.filter((each) => !there.has(nameOf(each)));
  return {
    lost: lost.map(({ number, proof, by }) => ({
      number,
      proof: { kind: 'verify', ...proof, problemCount: 1, problems: [lostText(of, number, by)] },
    })),
    problems,
  };
}

/** So many are named of those that say so. */
const witnesses = 2;

function lostText(of: ProofSubject, number: number, by: readonly string[]): string {
  const named = [...by.slice(0, witnesses), ...(by.length > witnesses ? [`${by.length - witnesses} more`] : [])];
  return `${layout.proof(of, number)} spoke against the point and is gone or damaged, as ${named.join(', ')} tell${by.length === 1 ? 's' : ''}: it counts until a verification that looks as deep goes well`;
}

/** Newest first, as `knownProofs`; what is wrong with them is warned of. */
export async function believedProofs(
  context: ProofContext,
  of: ProofSubject,
  places?: ProofPlaces,
): Promise<ProofRecord[]> {
  const { proofs, problems } = await knownProofs(context, of, places);
  for (const problem of problems) context.warn(`a proof of ${of}: ${problem}`);
  return proofs.toReversed();
}

/** Places of all subjects, by a listing of each folder instead of several requests for each point. */
export async function allPlaces(
  context: ProofContext,
): Promise<{ readonly subjects: ReadonlySet<ProofSubject>; readonly of: (subject: ProofSubject) => ProofPlaces }> {
  const proofs: ObjectInfo[] = [];
  for await (const object of ownObjects(context.storage, layout.allProofs)) proofs.push(object);
  const ofSubject = Map.groupBy(proofs, ({ key }) => key.split('/')[1] ?? '');
  const refutations = await allRefutationPlaces(context);
  return {
    subjects: new Set([...refutations.subjects, ...ofSubject.keys()]),
    of: (subject) => ({ proofs: inOrder(ofSubject.get(subject) ?? []), ...refutations.of(subject) }),
  };
}

/** What all of them together say: a failure stands until a proof that looked as deep has lifted it. */
export async function pointState(
  context: ProofContext,
  of: ProofSubject,
  places?: ProofPlaces,
): Promise<string | undefined> {
  const verdicts: ProofVerdict[] = (await believedProofs(context, of, places)).map(verdictOf);
  return stateByProofs(verdicts);
}

async function proofObjects(storage: Storage, of: ProofSubject): Promise<ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of ownObjects(storage, layout.proofs(of))) objects.push(object);
  return inOrder(objects);
}

/** Proofs in the order of their numbers. */
function inOrder(proofs: readonly ObjectInfo[]): ObjectInfo[] {
  return proofs.toSorted((a, b) => numberOf(a.key) - numberOf(b.key));
}

async function readProof(storage: Storage, key: string, secrets: Secrets | undefined): Promise<ProofRecord> {
  const value = decodeDocument(key, await storage.read(key), secrets, 'ObjectCorrupt');
  return openDetails(key, value as ProofRecord, secrets);
}

/** The number in a proof's key. */
function numberOf(key: string): number {
  return Number(/\/(\d+)\.json$/.exec(key)?.[1]);
}
