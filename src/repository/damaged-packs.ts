import { provenPoints, readableProofs, type ProofContext } from './proofs.ts';

/**
 * Packs that the newest verification of any recovery point found damaged. A writer takes them for absent: else every
 * later backup would refer to blocks that nobody can read any more.
 */
export async function damagedPacks(context: ProofContext): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (const of of await provenPoints(context.storage)) {
    for await (const { state, damagedPacks: packs } of readableProofs(context, of)) {
      // A trial restore looks at no packs, and hashes without a structure clear nothing.
      if (state === undefined || !Array.isArray(packs)) continue;
      for (const id of packs) ids.add(String(id));
      break;
    }
  }
  return ids;
}
