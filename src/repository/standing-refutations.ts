/** What stands against the recovery points that are there, as the next manifest names it. */
import { standingFailures, verdictOf } from '../domain/proof-state.ts';
import type { BackupId, StandingRefutation } from '../domain/recovery-point.ts';
import { layout } from './layout.ts';
import { numberedProofs } from './proofs.ts';
import { refutedPoints, unreadableManifest } from './refutations.ts';
import type { ProofContext } from './proof-types.ts';

/** So many are named; where more points are damaged at once the place is, and everybody sees it. */
const maxNamed = 100;

/** Newest point first. `named`: what the manifest before names. Reads the proofs of points that something ever spoke against. */
export async function standingRefutations(
  context: ProofContext,
  named: readonly StandingRefutation[],
): Promise<StandingRefutation[]> {
  const ids = new Set([...(await refutedPoints(context.storage)), ...named.map(({ timestamp }) => timestamp)]);
  const standing: StandingRefutation[] = [];
  for (const id of [...ids].toSorted().toReversed()) {
    if (standing.length >= maxNamed) break;
    // Of a point that is gone nothing needs to be said.
    if ((await context.storage.stat(layout.manifest(id))) !== undefined)
      standing.push(...(await standingOf(context, id)));
  }
  return standing.slice(0, maxNamed);
}

async function standingOf(context: ProofContext, timestamp: BackupId): Promise<StandingRefutation[]> {
  const { numbered } = await numberedProofs(context, timestamp);
  const newestFirst = numbered.toReversed().map(({ number, proof }) => ({ number, proof, ...verdictOf(proof) }));
  return standingFailures(newestFirst).map(({ number, proof, levels, components, state = '' }) => ({
    timestamp,
    number,
    ...(typeof proof['at'] === 'string' ? { at: proof['at'] } : {}),
    levels,
    components,
    state,
    ...(proof[unreadableManifest] === true ? { unreadableManifest: true } : {}),
  }));
}
