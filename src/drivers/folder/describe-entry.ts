/**
 * An entry of an index and what stands on disk in its place, in words that are the same where both are: bytes, mode,
 * owner, the text of a link and, where asked, the time. Hashes are never shown: results are stored in the clear.
 * Synchronous, for a thread.
 */
import { lstatSync, readlinkSync, type BigIntStats } from 'node:fs';
import type { FileEntry, IndexEntry } from '../../domain/entry.ts';
import { isFileTime } from '../../domain/file-time.ts';
import type { Owners } from '../files/owners.ts';
import { linkBytes } from '../files/paths.ts';
import { hasContentOf } from './has-content-of.ts';

export interface DescribeOptions {
  readonly owners: Owners;
  /** Whether modification times are compared: nothing has written to what is staged, and a live folder changes with what runs on it. */
  readonly times: boolean;
}

export function describeExpected(entry: IndexEntry, { owners, times }: DescribeOptions): string {
  // Only root can give files away: otherwise they belong to whoever restored them.
  const { uid, gid } =
    process.getuid?.() === 0 ? owners.resolve(entry) : { uid: process.getuid?.() ?? 0, gid: undefined };
  const owner = gid === undefined ? `owner ${uid}` : `owner ${uid}:${gid}`;
  const mode = `mode ${octal(entry.mode)}`;
  // A second name has the time of the first.
  const time = times && entry.type !== 'hardlink' ? `, ${timeText(BigInt(entry.mtimeNs))}` : '';
  if (entry.type === 'symlink') return `link as captured${time}`;
  if (entry.type === 'directory') return `folder, ${mode}, ${owner}${time}`;
  return entry.type === 'file'
    ? `${entry.size} bytes as captured, ${mode}, ${owner}${time}`
    : `a second name of /${entry.target ?? ''}, ${mode}, ${owner}`;
}

/** `first` is where the first name of a hard link stands. */
export function describeActual(
  path: Buffer,
  entry: IndexEntry,
  { times }: Pick<DescribeOptions, 'times'>,
  first = path,
): string {
  const stats = statsOf(path);
  if (stats === undefined) return 'absent';
  const owner = process.getuid?.() === 0 ? `owner ${stats.uid}:${stats.gid}` : `owner ${stats.uid}`;
  const mode = `mode ${octal(Number(stats.mode & 0o7777n))}`;
  const time = times && entry.type !== 'hardlink' ? `, ${actualTime(stats, entry)}` : '';
  if (stats.isSymbolicLink()) {
    const isSame = entry.type === 'symlink' && readlinkSync(path, { encoding: 'buffer' }).equals(linkBytes(entry));
    return `${isSame ? 'link as captured' : 'a link that leads elsewhere'}${time}`;
  }
  if (stats.isDirectory()) return `folder, ${mode}, ${owner}${time}`;
  if (!stats.isFile()) return 'neither file nor folder';
  if (entry.type === 'hardlink')
    return `${isSameFile(stats, first) ? `a second name of /${entry.target ?? ''}` : 'a file of its own'}, ${mode}, ${owner}`;
  if (entry.type !== 'file') return `a file, ${mode}, ${owner}${time}`;
  return `${stats.size} bytes ${contentVerdict(path, entry, Number(stats.size))}, ${mode}, ${owner}${time}`;
}

function statsOf(path: Buffer): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

function isSameFile({ dev, ino }: BigIntStats, other: Buffer): boolean {
  const stats = statsOf(other);
  return stats?.dev === dev && stats.ino === ino;
}

/** In the words of the captured one where it is that, to the microsecond. */
function actualTime({ mtimeNs }: BigIntStats, entry: IndexEntry): string {
  return timeText(isFileTime(entry.mtimeNs, mtimeNs) ? BigInt(entry.mtimeNs) : mtimeNs);
}

/** Seconds since the epoch: a file system knows years that no calendar text has. */
function timeText(ns: bigint): string {
  const seconds = ns >= 0n || ns % 1_000_000_000n === 0n ? ns / 1_000_000_000n : ns / 1_000_000_000n - 1n;
  return `modified ${seconds}.${String(ns - seconds * 1_000_000_000n)
    .padStart(9, '0')
    .slice(0, 6)}`;
}

function contentVerdict(path: Buffer, entry: FileEntry, size: number): string {
  if (size !== entry.size) return 'of other content';
  try {
    return hasContentOf(path, entry) ? 'as captured' : 'of other content';
  } catch (error) {
    return `that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`;
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
