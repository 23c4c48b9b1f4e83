/** Compares a file with what an index says of it, block by block. Synchronous, for a thread. */
import { hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { FileEntry } from '../../domain/entry.ts';

/** Throws what the system says where the file cannot be read. */
export function hasContentOf(path: Buffer | string, { blocks, size }: Pick<FileEntry, 'blocks' | 'size'>): boolean {
  const fd = openSync(path, 'r');
  try {
    const memory = Buffer.allocUnsafe(Math.max(1, ...blocks.map(([, , , , length]) => length)));
    let position = 0;
    for (const [, , , digest, length] of blocks) {
      const block = memory.subarray(0, length);
      if (!readWhole(fd, block, position) || hash('sha256', block) !== digest) return false;
      position += length;
    }
    return position === size && readSync(fd, memory, 0, 1, position) === 0;
  } finally {
    closeSync(fd);
  }
}

function readWhole(fd: number, block: Buffer, position: number): boolean {
  for (let done = 0; done < block.length;) {
    const got = readSync(fd, block, done, block.length - done, position + done);
    if (got === 0) return false;
    done += got;
  }
  return true;
}
