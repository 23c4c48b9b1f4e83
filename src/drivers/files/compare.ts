/**
 * Compares what stands on disk with a sealed index: every file's bytes, mode, owner and attributes, every folder and link.
 */
import type { IndexEntry } from '../../domain/entry.ts';
import { inLanes } from '../../domain/in-lanes.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import { AttributeProbes } from '../attributes/probes.ts';
import type { RestoreContext } from '../driver.ts';
import type { EntryOnDisk } from '../folder/compare-entries.ts';
import { compareOnThread } from '../tree/tree-threads.ts';
import { admittedRoot, isReserved, linkBytes, pathBytes } from './paths.ts';

/** What a thread compares in one go: as few as to tell the progress of large files, as many as not to wait for small ones. */
const entriesInBatch = 1000;
const bytesInBatch = 64 * 1024 * 1024;
/** One more than there are threads. */
const batchesAtOnce = 3;
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
  const places = new Map<string, string>();
  for (const root of roots) places.set(root, await placeOf(root));
  const tallies = new Map<string, { entries: number; same: number }>();
  const mismatches: ProbeResult[] = [];
  const attributes = new AttributeProbes(record.id);
  let bytesDone = 0;
  const placed = (entry: IndexEntry): Placed => {
    const root = admittedRoot(entry, roots, record.id);
    const at = (bytes: Buffer): string =>
      Buffer.concat([Buffer.from(places.get(root) ?? root), bytes.subarray(Buffer.byteLength(root) - 1)]).toString(
        'latin1',
      );
    return {
      root,
      entry,
      path: at(pathBytes(entry)),
      ...(entry.type === 'hardlink' && { first: at(linkBytes(entry)) }),
    };
  };
  await inLanes(batchesAtOnce, inBatches(repository.readIndex(record.indexId, signal)), async (batch) => {
    const entries = batch.map(placed);
    const onDisk = entries.map(({ entry, path, first }): EntryOnDisk => ({ entry, path, first }));
    const differing = await compareOnThread({ entries: JSON.stringify(onDisk), times });
    signal.throwIfAborted();
    for (const { root, entry, path } of entries) {
      const tally = tallies.get(root) ?? { entries: 0, same: 0 };
      tallies.set(root, { entries: tally.entries + 1, same: tally.same + 1 });
      if (entry.type === 'file') bytesDone += entry.size;
      await attributes.add(nameOf(entry), Buffer.from(path, 'latin1'), entry.xattrs);
    }
    for (const { number, expected, actual } of differing) {
      const found = entries[number];
      if (found === undefined) continue;
      const tally = tallies.get(found.root);
      if (tally !== undefined) tally.same -= 1;
      mismatches.push({ component: record.id, name: nameOf(found.entry), expected, actual, ok: false });
    }
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

interface Placed extends EntryOnDisk {
  readonly root: string;
}

function nameOf({ type, path }: IndexEntry): string {
  return `${type} /${path}`;
}

async function* inBatches(entries: AsyncIterable<IndexEntry>): AsyncGenerator<IndexEntry[], void> {
  let batch: IndexEntry[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    if (isReserved(entry.path)) continue;
    batch.push(entry);
    bytes += entry.type === 'file' ? entry.size : 0;
    if (batch.length < entriesInBatch && bytes < bytesInBatch) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
