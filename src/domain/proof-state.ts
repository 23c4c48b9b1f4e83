/** What all proofs of a recovery point together say of it. Pure: from the members of a proof that are readable without a key. */
import { isRefuted, type JsonValue } from './recovery-point.ts';

export interface ProofVerdict {
  /** What was looked at: `L1-presence`, `L1`, `L2`, `L3`, `L4`. */
  readonly levels: readonly string[];
  /** What a restore test tried, or what failed in it. */
  readonly components: readonly string[];
  /** `verified`, `unproven`, `failed` or `quarantined`; undefined where it says nothing of the whole point. */
  readonly state: string | undefined;
}

/** From a stored proof. */
export function verdictOf({ levels, level, components, state }: Readonly<Record<string, JsonValue>>): ProofVerdict {
  return {
    levels: Array.isArray(levels) ? textsOf(levels) : textsOf([level]),
    components: textsOf(components),
    state: typeof state === 'string' ? state : undefined,
  };
}

function textsOf(value: JsonValue | undefined | readonly (JsonValue | undefined)[]): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** The newest failure that stands. */
export function standingFailure<T extends ProofVerdict>(newestFirst: readonly T[]): T | undefined {
  return standingFailures(newestFirst)[0];
}

/** Those that no newer proof has lifted: one that looked as deep, in a restore test at the same components. Newest first. */
export function standingFailures<T extends ProofVerdict>(newestFirst: readonly T[]): T[] {
  const successes: T[] = [];
  return newestFirst.filter((proof) => {
    if (isRefuted(proof.state)) return !successes.some((success) => lifts(success, proof));
    successes.push(proof);
    return false;
  });
}

/** Components that restore tests brought back and proved. */
export function triedComponents(proofs: readonly ProofVerdict[]): string[] {
  return [...new Set(proofs.filter(({ levels }) => levels.includes('L4')).flatMap(({ components }) => components))];
}

/** The state of the failure that stands, else of the newest proof that has one. */
export function stateByProofs(newestFirst: readonly ProofVerdict[]): string | undefined {
  const failure = standingFailure(newestFirst);
  return failure === undefined
    ? newestFirst.find(({ state }) => state !== undefined && !isRefuted(state))?.state
    : failure.state;
}

function lifts(success: ProofVerdict, failure: ProofVerdict): boolean {
  const deep = new Set(success.levels);
  if (deep.has('L1')) deep.add('L1-presence');
  // A component that is configured no more has no structure to look at; the rest has.
  if (success.state !== undefined) deep.add('L3');
  if (!failure.levels.every((level) => deep.has(level))) return false;
  return !failure.levels.includes('L4') || failure.components.every((id) => success.components.includes(id));
}
