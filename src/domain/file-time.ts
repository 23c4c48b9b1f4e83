/** Modification times as Node hands them to the system. Pure. */

const nanoseconds = 1e9;

/**
 * Seconds since the epoch as decimal text. Node takes a negative number for the time of the call, and a negative text for
 * what it says. The system is given floating seconds, which hold no nanoseconds of today: this is the nearest of them in the
 * same microsecond, so whole seconds come back as they were, and others in their microsecond.
 */
export function fileTime(mtimeNs: string): string {
  return String(floatingSeconds(BigInt(mtimeNs)));
}

/** Whether a file has the time that `fileTime` gave it. Some file systems count in tenths of a microsecond. */
export function isFileTime(mtimeNs: string, found: bigint): boolean {
  const wanted = BigInt(mtimeNs);
  return isNear(found, wanted) || isNear(found, asTheSystemReads(floatingSeconds(wanted)));
}

function floatingSeconds(ns: bigint): number {
  const near = Number(ns) / nanoseconds;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(near) || 1)) - 52);
  const distance = (seconds: number): number => Math.abs(Number(asTheSystemReads(seconds) - ns));
  const [nearest = near] = [near - step, near, near + step]
    .filter((seconds) => microsecondsOf(asTheSystemReads(seconds)) === microsecondsOf(ns))
    .toSorted((a, b) => distance(a) - distance(b));
  return nearest;
}

/** Whole ones, rounded down. */
function microsecondsOf(ns: bigint): bigint {
  return ns >= 0n || ns % 1000n === 0n ? ns / 1000n : ns / 1000n - 1n;
}

/** libuv cuts off what is less than a nanosecond. */
function asTheSystemReads(seconds: number): bigint {
  const whole = Math.trunc(seconds);
  const ns = Math.trunc((seconds - whole) * nanoseconds);
  return BigInt(whole) * BigInt(nanoseconds) + BigInt(ns);
}

function isNear(a: bigint, b: bigint): boolean {
  const difference = a - b;
  return difference > -1000n && difference < 1000n;
}
