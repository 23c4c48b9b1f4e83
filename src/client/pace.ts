/** Rate and ETA of bytes that move, told only once they mean something. Pure. */

export interface Moved {
  readonly bytesDone: number;
  /** 0 while unknown. */
  readonly bytesTotal: number;
  /** Mean over the attempt. */
  readonly bytesPerSecond: number;
}

/** Before this the mean is that of a beginning: connections, indexes, a first small file. */
const steadySeconds = 5;
const steadyPart = 0.01;
const firstRateSeconds = 1;

/** Bytes per second; undefined in the first second and while nothing moved. */
export function rateOf(moved: Moved): number | undefined {
  return movingSeconds(moved) >= firstRateSeconds ? moved.bytesPerSecond : undefined;
}

/** Seconds to go; undefined before 5 s and 1 % of the bytes, and where the total is not known. */
export function etaSeconds(moved: Moved): number | undefined {
  const { bytesDone, bytesTotal, bytesPerSecond } = moved;
  if (bytesTotal <= 0 || bytesDone < bytesTotal * steadyPart || movingSeconds(moved) < steadySeconds) return undefined;
  return Math.max(0, bytesTotal - bytesDone) / bytesPerSecond;
}

function movingSeconds({ bytesDone, bytesPerSecond }: Moved): number {
  return bytesPerSecond <= 0 ? 0 : bytesDone / bytesPerSecond;
}
