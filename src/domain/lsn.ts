/** Positions in the write-ahead log. 64 bits: BigInt inside, `X/Y` text outside, never a JSON number. */

/** Reads `16/B374D848`. Throws on anything else. */
export function parseLsn(text: string): bigint {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (match === null) throw new TypeError(`not a WAL position: \`${text}\``);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}

/** Name of the segment file that holds the byte at `lsn`. */
export function walFileName(timeline: number, lsn: bigint, segmentBytes: number): string {
  const segment = lsn / BigInt(segmentBytes);
  const perLog = 0x100000000n / BigInt(segmentBytes);
  const part = (value: bigint) => value.toString(16).toUpperCase().padStart(8, '0');
  return part(BigInt(timeline)) + part(segment / perLog) + part(segment % perLog);
}

/** All segment files between two positions; the end is exclusive, as PostgreSQL reports it. */
export function walFilesBetween(timeline: number, start: bigint, end: bigint, segmentBytes: number): string[] {
  const size = BigInt(segmentBytes);
  const names: string[] = [];
  for (let at = start - (start % size); at < end; at += size) names.push(walFileName(timeline, at, segmentBytes));
  return names;
}

/** First position of the segment that a file name stands for; undefined where no segment of this size has the name. */
export function segmentOf(name: string, segmentBytes: number): bigint | undefined {
  const match = /^[0-9A-F]{8}([0-9A-F]{8})([0-9A-F]{8})$/.exec(name);
  if (match === null) return undefined;
  const lsn = (BigInt(`0x${match[1]}`) << 32n) + BigInt(`0x${match[2]}`) * BigInt(segmentBytes);
  return walFileName(Number.parseInt(name.slice(0, 8), 16), lsn, segmentBytes) === name ? lsn : undefined;
}
