import { inLanes } from '../domain/in-lanes.ts';
import { smallAtOnce } from './at-once.ts';
import type { ProofSubject } from './layout.ts';
import { openProofBook } from './proof-book.ts';
import type { ProofContext } from './proof-types.ts';

/** What the newest verification of each recovery point said. */
export interface KnownDamage {
  /** Packs. A writer takes them for absent: else every later backup would refer to blocks that nobody can read any more. */
  readonly packs: ReadonlySet<string>;
  /** Points that it did not pass, for whatever reason. */
  readonly points: ReadonlySet<ProofSubject>;
}

export async function knownDamage(context: ProofContext): Promise<KnownDamage> {
  const packs = new Set<string>();
  const points = new Set<ProofSubject>();
  const book = await openProofBook(context);
  await inLanes(smallAtOnce, book.subjects, async (of) => {
    // A restore test looks at no packs, and hashes without a structure clear nothing.
    const newest = (await book.believed(of)).find(
      ({ state, damagedPacks }) => state !== undefined && Array.isArray(damagedPacks),
    );
    if (newest === undefined) return;
    for (const id of newest['damagedPacks'] as readonly unknown[]) packs.add(String(id));
    if (newest['ok'] !== true) points.add(of);
  });
  return { packs, points };
}
