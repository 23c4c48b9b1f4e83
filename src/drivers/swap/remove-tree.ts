/** Removes old data and staging, and only that. */
import { chmod, lstat, opendir, rmdir, unlink } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { basename } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import { childPath } from './disk.ts';
import { isRemovableName } from './names.ts';

/**
 * Removes a tree whose top has one of Lifeboat's own names; absent is fine. Links are removed, never followed;
 * another filesystem mounted inside stops it (Precondition). Anything else by name is refused (Internal).
 */
export async function removeTree(path: string): Promise<void> {
  if (!isRemovableName(basename(path))) {
    throw new LifeboatError('Internal', `refused to remove \`${path}\`: not the name of a staging or a safety copy`);
  }
  const at = Buffer.from(path);
  const stats = await lstat(at, { bigint: true }).catch(absent);
  if (stats !== undefined) await remove(at, stats, stats.dev);
}

async function remove(at: Buffer, stats: BigIntStats, device: bigint): Promise<void> {
  if (!stats.isDirectory()) return unlink(at);
  if (stats.dev !== device) {
    throw new LifeboatError('Precondition', `another filesystem is mounted at \`${at.toString()}\``, {
      hint: 'unmount it first',
    });
  }
  // A restored folder may have been read-only.
  if ((stats.mode & 0o700n) !== 0o700n) await chmod(at, 0o700);
  for await (const entry of await opendir(at, { encoding: 'buffer' as BufferEncoding })) {
    const child = childPath(at, entry.name as unknown as Buffer);
    if (!entry.isDirectory()) {
      await unlink(child);
      continue;
    }
    const inner = await lstat(child, { bigint: true }).catch(absent);
    if (inner !== undefined) await remove(child, inner, device);
  }
  await rmdir(at);
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
