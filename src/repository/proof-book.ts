/**
 * What was proven of all points, as it is when the book is opened: one listing of each folder tells where there is anything
 * to be read, and only that is read. Who asks of one point alone takes `knownProofs` and `pointState`.
 */
import { inLanes } from '../domain/in-lanes.ts';
import { smallAtOnce } from './at-once.ts';
import type { ProofSubject } from './layout.ts';
import { allPlaces, believedProofs, knownProofs, pointState, type KnownProofs } from './proofs.ts';
import type { ProofContext, ProofRecord } from './proof-types.ts';

export interface ProofBook {
  /** The subjects of which anything was ever proven or refuted, by names alone. */
  readonly subjects: ReadonlySet<ProofSubject>;
  /** As `Repository.knownProofs`. */
  known(of: ProofSubject): Promise<KnownProofs>;
  /** As `Repository.pointState`. */
  state(of: ProofSubject): Promise<string | undefined>;
  /** The same of many, several at once. */
  states<T extends ProofSubject>(of: readonly T[]): Promise<ReadonlyMap<T, string | undefined>>;
  /** Newest first, as `knownProofs`; what is wrong with them is warned of. */
  believed(of: ProofSubject): Promise<ProofRecord[]>;
}

export async function openProofBook(context: ProofContext): Promise<ProofBook> {
  const { subjects, of: placesOf } = await allPlaces(context);
  const state = async (of: ProofSubject): Promise<string | undefined> => pointState(context, of, placesOf(of));
  return {
    subjects,
    known: async (of) => knownProofs(context, of, placesOf(of)),
    state,
    states: async (all) => new Map(await inLanes(smallAtOnce, all, async (of) => [of, await state(of)] as const)),
    believed: async (of) => believedProofs(context, of, placesOf(of)),
  };
}
