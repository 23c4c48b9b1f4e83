/** What a verification sees beside the recovery point that it reads: the other points by their manifests, and the scripts. */
import { isRefuted } from '../../domain/recovery-point.ts';
import type { Repository } from '../../repository/repository.ts';
import { goneFrom, lostHint, lostOf } from '../recovery-points/lost.ts';
import { lostFailures, type LostFailure } from './lost-proofs.ts';
import { toldOfScripts, type Told } from '../doctor/rescue-scripts.ts';
import { brokenChains, type BrokenChain } from '../wal/chain.ts';

export interface Around {
  /** Manifests that cannot be read, or are not what another one names. */
  readonly unreadable: readonly string[];
  /** Recovery points that were sealed and are gone from the repository, and what to do about them. */
  readonly lost: readonly string[];
  /** Verifications that failed and of which no proof tells any more. */
  readonly failures: readonly LostFailure[];
  /** Points that lack in a copy: they come with the next replication, where the repository has them. */
  readonly gaps: readonly string[];
  /** Points to which archived WAL does not lead any more, and of which no proof says so yet. */
  readonly chains: readonly BrokenChain[];
  readonly scripts: Told;
}

export interface AroundOptions {
  /** The repository, or its copy in a location. */
  readonly repository: Repository;
  /** The repository; undefined where it cannot be opened. */
  readonly own: Repository | undefined;
  /** Name of the location. */
  readonly place: string;
}

export async function lookAround({ repository, own, place }: AroundOptions): Promise<Around> {
  const listings = await repository.listManifests();
  const texts = (isGone: boolean): string[] =>
    listings.flatMap((listing) =>
      listing.problem !== undefined && (listing.isGone === true) === isGone ? [listing.problem] : [],
    );
  const isOwn = repository === own;
  const lost = isOwn ? await lostHere(own) : own === undefined ? [] : await lostThere(own, repository, place);
  return {
    unreadable: texts(false),
    lost: lost.length === 0 ? [] : [...lost, lostHint],
    // Proofs are of one place, and the reports of all lie in each.
    failures: isOwn ? await lostFailures(own) : [],
    gaps: isOwn ? [] : texts(true),
    chains: await newlyBroken(repository),
    scripts: toldOfScripts(await repository.rescueScripts()),
  };
}

async function newlyBroken(repository: Repository): Promise<BrokenChain[]> {
  const broken = await brokenChains(repository);
  const proofs = await repository.proofBook();
  const states = await proofs.states(broken.map(({ id }) => id));
  return broken.filter(({ id }) => !isRefuted(states.get(id)));
}

async function lostHere(own: Repository): Promise<string[]> {
  return (await lostOf(own, { reports: 'all' })).map(({ problem = '' }) => problem);
}

async function lostThere(own: Repository, copy: Repository, location: string): Promise<string[]> {
  const gone = await goneFrom(own, copy, location);
  return gone.length === 0 ? [] : [`${gone.join(', ')}: gone from the repository, and held by ${location}`];
}
