/** The longest chain of steps: it decides how long a plan takes. Pure. */

/** The longest chain through the graph by what `secondsOf` says of each step, and its seconds. */
export function criticalPath<S extends { readonly id: string; readonly after: readonly string[] }>(
  steps: readonly S[],
  secondsOf: (step: S) => number,
): { readonly steps: readonly string[]; readonly seconds: number } {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const chains = new Map<string, { readonly steps: readonly string[]; readonly seconds: number }>();
  const none = { steps: [], seconds: 0 };
  const until = (id: string): { readonly steps: readonly string[]; readonly seconds: number } => {
    const known = chains.get(id);
    if (known !== undefined) return known;
    const step = byId.get(id);
    if (step === undefined) return none;
    const before = longestOf(step.after.map(until));
    const chain = { steps: [...before.steps, id], seconds: before.seconds + secondsOf(step) };
    chains.set(id, chain);
    return chain;
  };
  return longestOf(steps.map(({ id }) => until(id)));
}

function longestOf<T extends { readonly steps: readonly string[]; readonly seconds: number }>(chains: readonly T[]) {
  return chains.reduce((longest, chain) => (chain.seconds > longest.seconds ? chain : longest), {
    steps: [] as readonly string[],
    seconds: 0,
  });
}
