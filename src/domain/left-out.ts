/**
 * What a capture met and does not carry: sockets, devices, what the source itself left out. It is told, counted in the
 * manifest by kind, and named in a sealed file of the component, because a path may be a secret. Pure.
 */
import { plural } from './plural.ts';
import type { JsonValue } from './recovery-point.ts';

export interface LeftOut {
  readonly path: string;
  /** The kind in the singular: `socket`. */
  readonly what: string;
}

/** How many of each kind. */
export type LeftOutCounts = Readonly<Record<string, number>>;

export function countLeftOut(list: readonly LeftOut[]): LeftOutCounts {
  const counts: Record<string, number> = {};
  for (const { what } of list) counts[what] = (counts[what] ?? 0) + 1;
  return counts;
}

/** From the clear facts of a record. Points of older versions only say how many a component of files has. */
export function leftOutOf({ leftOut, skipped }: Readonly<Record<string, JsonValue>>): LeftOutCounts {
  if (typeof leftOut === 'object' && leftOut !== null && !Array.isArray(leftOut))
    return Object.fromEntries(Object.entries(leftOut).filter((pair): pair is [string, number] => isCount(pair[1])));
  return isCount(skipped) ? { 'special file': skipped } : {};
}

/** `1 socket, 2 devices`; empty where nothing was left out. */
export function describeLeftOut(counts: LeftOutCounts): string {
  return Object.entries(counts)
    .map(([what, count]) => plural(count, what))
    .join(', ');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}
