/** Brings a tree to stable storage. Synchronous, for a thread. */
import { closeSync, constants, fsyncSync, openSync, readdirSync } from 'node:fs';

/** Every file and folder of it. What is neither, and links, have nothing of their own to sync. */
export function syncTreeSync(folder: string | Buffer): void {
  const at = Buffer.from(folder);
  for (const entry of readdirSync(at, { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([at, Buffer.from('/'), entry.name]);
    if (entry.isDirectory()) syncTreeSync(path);
    else if (entry.isFile()) syncOne(path);
  }
  syncOne(at);
}

function syncOne(path: Buffer): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
