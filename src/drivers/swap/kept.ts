/** What earlier restores left beside the live data: nobody else tells whose space it takes. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJournal, safetyCopiesOf } from './journal.ts';
import { anchorOf } from './staging.ts';
import type { SwapTarget } from './swap.ts';

export interface KeptCopy {
  readonly path: string;
  /** On disk. */
  readonly bytes: number;
  /** When it was moved aside. */
  readonly since: Date;
}

/** Safety copies of a component that are still there. */
export async function keptCopies(target: Pick<SwapTarget, 'component' | 'lives'>): Promise<KeptCopy[]> {
  const journal = await readJournal(await anchorOf(target.lives), target.component);
  if (journal === undefined) return [];
  const copies = await Promise.all(safetyCopiesOf(journal).map(async ({ path }) => keptCopy(path)));
  return copies.flatMap((copy) => copy ?? []);
}

async function keptCopy(path: string): Promise<KeptCopy | undefined> {
  const facts = await lstat(path).catch(() => undefined);
  // The move changed the time of the name's inode, not that of its content.
  return facts === undefined ? undefined : { path, bytes: await bytesOf(path), since: facts.ctime };
}

async function bytesOf(path: string): Promise<number> {
  const facts = await lstat(path).catch(() => undefined);
  if (facts === undefined) return 0;
  let bytes = facts.blocks * 512;
  if (facts.isDirectory())
    for (const name of await readdir(path).catch(() => [])) bytes += await bytesOf(join(path, name));
  return bytes;
}
