/**
 * Transfers between a disk and our own memory past the page cache (O_DIRECT). Packs are written once and read back
 * once: copies of them in the page cache cost processor time, drive out the appliance's own pages, and answer the
 * read-back instead of the disk.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { errnoOf } from '../errno.ts';

/** Offset, length and memory address are multiples of this: the largest logical block of common disks. */
const unitBytes = 4096;
/** Below this an extra open costs more than the copy. */
const worthBytes = 1024 * 1024;

/** Writes the front of `bytes` and returns how much of it: 0 where system, file system or memory do not allow it. */
export async function writeDirectly(path: string, bytes: Uint8Array, position: number): Promise<number> {
  return transfer(path, constants.O_WRONLY, bytes, position, async (handle, done, length) => {
    const { bytesWritten } = await handle.write(bytes, done, length, position + done);
    return bytesWritten;
  });
}

/** Fills the front of `into` and returns how much of it; 0 as above, less than all also at the end of the file. */
export async function readDirectly(path: string, into: Uint8Array, position: number): Promise<number> {
  return transfer(path, constants.O_RDONLY, into, position, async (handle, done, length) => {
    const { bytesRead } = await handle.read(into, done, length, position + done);
    return bytesRead;
  });
}

type Move = (handle: FileHandle, done: number, length: number) => Promise<number>;

async function transfer(
  path: string,
  access: number,
  bytes: Uint8Array,
  position: number,
  move: Move,
): Promise<number> {
  // Undefined on systems that have no such flag.
  const direct = constants.O_DIRECT as number | undefined;
  const length = bytes.length - (bytes.length % unitBytes);
  if (direct === undefined || length < worthBytes || position % unitBytes > 0 || bytes.byteOffset % unitBytes > 0)
    return 0;
  let done = 0;
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, access | direct);
    while (done < length) {
      const moved = await move(handle, done, length - done);
      // After a part of a unit the next position would not be allowed.
      if (moved === 0 || moved % unitBytes > 0) break;
      done += moved;
    }
  } catch (error) {
    // EINVAL: a file system without direct transfers, or memory that does not begin at a page.
    if (errnoOf(error) !== 'EINVAL') throw error;
  } finally {
    await handle?.close();
  }
  return done;
}
