/**
 * Compares what stands on disk with a sealed index: every file's bytes, mode, owner and attributes, every folder and link.
 */
import type { IndexEntry } from '../../domain/entry.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import { AttributeProbes } from '../attributes/probes.ts';
import type { RestoreContext } from '../driver.ts';
import { describeActual, describeExpected } from '../folder/describe-entry.ts';
import { forEachConcurrently } from './concurrently.ts';
import { readOwners } from './owners.ts';
import { admittedRoot, isReserved, linkBytes, pathBytes } from './paths.ts';

const filesAtOnce = 4;
/** A whole folder that is wrong would otherwise give a result per file. */
const shownMismatches = 50;

export interface CompareOptions {
  readonly context: RestoreContext;
  readonly roots: readonly string[];
  /** Where the data of a configured path stands now: itself, or its staging. */
  readonly placeOf: (root: string) => Promise<string>;
  /** Whether modification times are compared. */
  readonly times: boolean;
}

/** One result per configured path that the index knows, one for attributes, and one for each entry that differs (the first 50). */
export async function compareWithIndex({ context, roots, placeOf, times }: CompareOptions): Promise<ProbeResult[]> {
  const { record, repository, signal, onProgress } = context;
  const options = { owners: await readOwners(), times };
  const places = new Map<string, string>();
  for (const root of roots) places.set(root, await placeOf(root));
  const tallies = new Map<string, { entries: number; same: number }>();
  const mismatches: ProbeResult[] = [];
  const attributes = new AttributeProbes(record.id);
  let bytesDone = 0;
  await forEachConcurrently(wanted(repository.readIndex(record.indexId, signal)), filesAtOnce, async (entry) => {
    const root = admittedRoot(entry, roots, record.id);
    const tally = tallies.get(root) ?? { entries: 0, same: 0 };
    tallies.set(root, tally);
    const at = (bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from(places.get(root) ?? root), bytes.subarray(Buffer.byteLength(root) - 1)]);
    const path = at(pathBytes(entry));
    const expected = describeExpected(entry, options);
    const actual = await describeActual(path, entry, options, entry.type === 'hardlink' ? at(linkBytes(entry)) : path);
    await attributes.add(`${entry.type} /${entry.path}`, path, entry.xattrs);
    tally.entries++;
    if (actual === expected) tally.same++;
    else mismatches.push({ component: record.id, name: `${entry.type} /${entry.path}`, expected, actual, ok: false });
    if (entry.type === 'file') bytesDone += entry.size;
    onProgress({ phase: 'comparing files', bytesDone, bytesTotal: record.bytes });
  });
  const summaries = [...tallies].map(([root, { entries, same }]): ProbeResult => {
    return {
      component: record.id,
      name: `path ${root}`,
      expected: `${entries} entries as captured`,
      actual: `${same} entries as captured`,
      ok: same === entries,
      content: true,
    };
  });
  const [sum, ...lost] = await attributes.results();
  return [...summaries, ...(sum === undefined ? [] : [sum]), ...[...mismatches, ...lost].slice(0, shownMismatches)];
}

async function* wanted(entries: AsyncIterable<IndexEntry>): AsyncGenerator<IndexEntry> {
  for await (const entry of entries) if (!isReserved(entry.path)) yield entry;
}
