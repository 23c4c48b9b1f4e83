/** Modification times as Node hands them to the system. Pure. */

/**
 * Seconds since the epoch as decimal text, exact to a microsecond. Node takes a negative number for the time of the
 * call, and a negative text for what it says. The system is given floating seconds, which hold no nanoseconds: the text
 * aims at the middle of the microsecond.
 */
export function fileTime(mtimeNs: string): string {
  return ((Number(microsecondsOf(mtimeNs)) + 0.5) / 1e6).toFixed(7);
}

/** Whole microseconds, rounded down. */
function microsecondsOf(mtimeNs: string | bigint): bigint {
  const ns = BigInt(mtimeNs);
  return ns >= 0n || ns % 1000n === 0n ? ns / 1000n : ns / 1000n - 1n;
}

/** Whether a file has the time that `fileTime` gave it: to the microsecond, and a neighbour where rounding met its edge. */
export function isFileTime(mtimeNs: string, found: bigint): boolean {
  const difference = microsecondsOf(mtimeNs) - microsecondsOf(found);
  return difference >= -1n && difference <= 1n;
}
