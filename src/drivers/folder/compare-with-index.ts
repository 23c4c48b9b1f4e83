/** Compares what stands in a folder with what a sealed index says of it. */
import { join } from 'node:path';
import { reservedFolder, type IndexEntry } from '../../domain/entry.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { RestoreContext } from '../driver.ts';
import { readOwners } from '../files/owners.ts';
import { describeActual, describeExpected } from './describe-entry.ts';

export interface FolderComparison {
  readonly root: string;
  readonly times: boolean;
  /** All entries where absent. */
  readonly wanted?: (entry: IndexEntry) => boolean;
}

/** One probe per file and link of the index: same bytes, mode, owner and text. Folders count where they are wrong. */
export async function compareWithIndex(
  context: RestoreContext,
  { root, times, wanted = () => true }: FolderComparison,
): Promise<ProbeResult[]> {
  const options = { owners: await readOwners(), times };
  const results: ProbeResult[] = [];
  for await (const entry of context.repository.readIndex(context.record.indexId, context.signal)) {
    if (entry.path.startsWith(`${reservedFolder}/`) || !wanted(entry)) continue;
    const expected = describeExpected(entry, options);
    const actual = await describeActual(Buffer.from(join(root, entry.path)), entry, options);
    const ok = actual === expected;
    if (ok && entry.type === 'directory') continue;
    const content = entry.type === 'file' ? { content: true as const } : {};
    const name = `${entry.type} ${entry.path}`;
    results.push({ component: context.record.id, name, expected, actual, ok, ...content });
  }
  // An index lists files as their reading ended; people compare reports.
  return results.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
