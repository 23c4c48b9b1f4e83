/** How much lies in a tree. Synchronous, for a thread. */
import { lstatSync, readdirSync } from 'node:fs';
import { hasVanished } from '../../domain/vanished.ts';

/** As `treeBytes` (tree-threads.ts). */
export function treeBytesSync(path: string): number {
  const seen = new Set<string>();
  const bytesOf = (at: Buffer): number => {
    const stats = lookAt(at);
    if (stats?.isDirectory() === true) return childrenOf(at).reduce((sum, name) => sum + bytesOf(name), 0);
    if (stats?.isFile() !== true) return 0;
    const identity = stats.nlink > 1n ? `${stats.dev}:${stats.ino}` : undefined;
    if (identity === undefined) return Number(stats.size);
    if (seen.has(identity)) return 0;
    seen.add(identity);
    return Number(stats.size);
  };
  return bytesOf(Buffer.from(path));
}

function lookAt(path: Buffer) {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

function childrenOf(folder: Buffer): Buffer[] {
  try {
    return readdirSync(folder, { encoding: 'buffer' }).map((name) => Buffer.concat([folder, Buffer.from('/'), name]));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || hasVanished(code)) return [];
    throw error;
  }
}
