/**
 * An entry of an index and what stands on disk in its place, in words that are the same where both are: bytes, mode,
 * owner, the text of a link and, where asked, the time. Hashes are never shown: results are stored in the clear.
 */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { lstat, open, readlink } from 'node:fs/promises';
import type { FileEntry, IndexEntry } from '../../domain/entry.ts';
import { isFileTime } from '../../domain/file-time.ts';
import type { Owners } from '../files/owners.ts';
import { linkBytes } from '../files/paths.ts';

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
export async function describeActual(
  path: Buffer,
  entry: IndexEntry,
  { times }: DescribeOptions,
  first = path,
): Promise<string> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined) return 'absent';
  const owner = process.getuid?.() === 0 ? `owner ${stats.uid}:${stats.gid}` : `owner ${stats.uid}`;
  const mode = `mode ${octal(Number(stats.mode & 0o7777n))}`;
  const time = times && entry.type !== 'hardlink' ? `, ${actualTime(stats, entry)}` : '';
  if (stats.isSymbolicLink()) {
    const isSame = entry.type === 'symlink' && (await readlink(path, { encoding: 'buffer' })).equals(linkBytes(entry));
    return `${isSame ? 'link as captured' : 'a link that leads elsewhere'}${time}`;
  }
  if (stats.isDirectory()) return `folder, ${mode}, ${owner}${time}`;
  if (!stats.isFile()) return 'neither file nor folder';
  if (entry.type === 'hardlink')
    return `${(await isSameFile(stats, first)) ? `a second name of /${entry.target ?? ''}` : 'a file of its own'}, ${mode}, ${owner}`;
  if (entry.type !== 'file') return `a file, ${mode}, ${owner}${time}`;
  return `${stats.size} bytes ${await contentVerdict(path, entry, Number(stats.size))}, ${mode}, ${owner}${time}`;
}

async function isSameFile({ dev, ino }: BigIntStats, other: Buffer): Promise<boolean> {
  const stats = await lstat(other, { bigint: true }).catch(() => undefined);
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

async function contentVerdict(path: Buffer, entry: FileEntry, size: number): Promise<string> {
  if (size !== entry.size) return 'of other content';
  const found = await sha256Of(path).catch((error: unknown) => (error as NodeJS.ErrnoException).code ?? 'error');
  if (found.length < 64) return `that cannot be read (${found})`;
  return found === entry.sha256 ? 'as captured' : 'of other content';
}

export async function sha256Of(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(1 << 20);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
