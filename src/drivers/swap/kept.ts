/** What earlier restores left beside the live data: nobody else tells whose space it takes. */
import { lstat } from 'node:fs/promises';
import { treeBytes } from '../tree/tree-threads.ts';
import { swapState } from './swap.ts';
import type { SwapTarget } from './target-types.ts';

export interface KeptCopy {
  readonly path: string;
  /** Bytes of its regular files. */
  readonly bytes: number;
  /** When it was moved aside. */
  readonly since: Date;
}

/** Safety copies of a component that are still there. */
export async function keptCopies(target: Pick<SwapTarget, 'component' | 'lives'>): Promise<KeptCopy[]> {
  const { safetyCopies } = await swapState(target);
  const copies = await Promise.all(safetyCopies.map(keptCopy));
  return copies.flatMap((copy) => copy ?? []);
}

/** Undefined where somebody removed it meanwhile. */
async function keptCopy(path: string): Promise<KeptCopy | undefined> {
  const facts = await lstat(path).catch(() => undefined);
  // The move changed the time of the name's inode, not that of its content.
  return facts === undefined ? undefined : { path, bytes: await treeBytes(path), since: facts.ctime };
}
