/** Reads and seals many small files in one go. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { parseJson } from '../../json/parse-json.ts';
import type { Sealer } from '../frame.ts';
import type { ListedFile, SealListedJob, SealListedResult } from './jobs.ts';
import { SealedBlocks } from './sealed-blocks.ts';

/** NONBLOCK, because a pipe that took the file's place must not hang the thread. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export function sealListed(job: SealListedJob, sealer: Sealer): SealListedResult {
  const slab = new Uint8Array(job.slab);
  const sealed = new SealedBlocks(slab, sealer, job.known);
  const files = parseJson(job.files) as readonly ListedFile[];
  const counts = new Uint32Array(files.length);
  const others: number[] = [];
  let at = 0;
  for (const [number, file] of files.entries()) {
    const end = at + file[1];
    if (!isReadAsListed(file, slab, at)) {
      others.push(number);
      continue;
    }
    for (; at < end; at += job.blockSize) {
      sealed.add(slab.subarray(at, Math.min(at + job.blockSize, end)), true);
      counts[number] = (counts[number] ?? 0) + 1;
    }
    at = end;
  }
  return { counts, others, ...sealed.finish() };
}

/**
 * One look after the bytes were read tells all: a write since the file was listed would have moved its times, and another
 * file has another inode.
 */
function isReadAsListed(
  [path, size, mtimeNs, ctimeNs, inode, device]: ListedFile,
  slab: Uint8Array,
  at: number,
): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(Buffer.from(path, 'latin1'), readFlags);
    for (let done = 0; done < size;) {
      const got = readSync(fd, slab, at + done, size - done, done);
      if (got === 0) return false;
      done += got;
    }
    const stats = fstatSync(fd, { bigint: true });
    return (
      stats.isFile() &&
      Number(stats.size) === size &&
      `${stats.mtimeNs}` === mtimeNs &&
      `${stats.ctimeNs}` === ctimeNs &&
      `${stats.ino}` === inode &&
      `${stats.dev}` === device
    );
  } catch {
    // Whoever reads it alone is told why.
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
