/** What was measured: seconds (or bytes) per name and run. Pure. */

/** A name is `<what>/<who>`: `first/restic`. */
export type Measurements = ReadonlyMap<string, readonly number[]>;

export class Recorder {
  readonly #values = new Map<string, number[]>();

  add(name: string, value: number): void {
    const known = this.#values.get(name);
    if (known === undefined) this.#values.set(name, [value]);
    else known.push(value);
  }

  get measurements(): Measurements {
    return this.#values;
  }
}

/** The middle value, of an even count the mean of both middle ones. Undefined for none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return undefined;
  return sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
}

/**
 * The median over the runs of the sum of several names: what one run cost as a whole. Undefined if any of them was not
 * measured in every run of the others: a sum that lacks a part would flatter us.
 */
export function medianOfSums(measurements: Measurements, names: readonly string[]): number | undefined {
  const columns = names.map((name) => measurements.get(name) ?? []);
  const runs = Math.max(0, ...columns.map((column) => column.length));
  if (columns.length === 0 || columns.some((column) => column.length !== runs)) return undefined;
  return median(Array.from({ length: runs }, (_, run) => columns.reduce((sum, column) => sum + column[run]!, 0)));
}
