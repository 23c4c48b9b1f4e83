import { layout } from './layout.ts';
import { newestState, type ProofContext } from './proofs.ts';

/**
 * Packs that the newest verification of any recovery point found damaged. A writer takes them for absent: else every
 * later backup would refer to blocks that nobody can read any more.
 */
export async function damagedPacks(context: ProofContext): Promise<ReadonlySet<string>> {
  const subjects = new Set<string>();
  for await (const { key } of context.storage.list(layout.allProofs)) subjects.add(key.split('/')[1] ?? '');
  const ids = new Set<string>();
  for (const of of subjects) {
    const proof = await newestState(context, of);
    const packs = proof?.['damagedPacks'];
    if (Array.isArray(packs)) for (const id of packs) ids.add(String(id));
  }
  return ids;
}
