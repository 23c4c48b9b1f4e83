/** Compares what stands in a folder with what a sealed index says of it. */
import { join } from 'node:path';
import { reservedFolder, type IndexEntry } from '../../domain/entry.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { RestoreContext } from '../driver.ts';
import { readOwners } from '../files/owners.ts';
import { compareOnThread } from '../tree/tree-threads.ts';
import type { EntryOnDisk } from './compare-entries.ts';
import { describeExpected } from './describe-entry.ts';

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
  const wantedEntries: IndexEntry[] = [];
  for await (const entry of context.repository.readIndex(context.record.indexId, context.signal))
    if (!entry.path.startsWith(`${reservedFolder}/`) && wanted(entry)) wantedEntries.push(entry);
  const options = { owners: await readOwners(), times };
  // One by one: these files are large, and two threads share them.
  const compared = await Promise.all(
    wantedEntries.map(async (entry) => {
      const onDisk: EntryOnDisk = { entry, path: Buffer.from(join(root, entry.path)).toString('latin1') };
      const [difference] = await compareOnThread({ entries: JSON.stringify([onDisk]), times });
      return { entry, difference };
    }),
  );
  const results = compared.flatMap(({ entry, difference }): ProbeResult[] => {
    const ok = difference === undefined;
    if (ok && entry.type === 'directory') return [];
    const expected = describeExpected(entry, options);
    const actual = difference?.actual ?? expected;
    const content = entry.type === 'file' ? { content: true as const } : {};
    const name = `${entry.type} ${entry.path}`;
    return [{ component: context.record.id, name, expected, actual, ok, ...content }];
  });
  // An index lists files as their reading ended; people compare reports.
  return results.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
