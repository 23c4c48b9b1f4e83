/** Proves a restored vector store, staged or live, against what was sealed at capture. */
import { join } from 'node:path';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { isLifeboatError } from '../../domain/errors.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import type { RestoreContext } from '../driver.ts';
import { compareWithIndex, type FolderComparison } from '../folder/compare-with-index.ts';
import { compareFolderAttributes } from '../folder/folder-attributes.ts';
import { readSealedFacts } from '../folder/sealed-facts.ts';
import { compareNeighbourLists } from './compare-neighbours.ts';
import { otherModel } from './embedding-model.ts';
import { openQuery, slowSearchSeconds, storeFilePath, type VectorstoreFacts } from './facts.ts';
import { folderOf, indexFile, metadataFile, pickleFile, readMetadata } from './files.ts';
import { ownLists, type RestoredStore } from './own-lists.ts';
import { inspectIndex, type IndexFacts } from './inspect-index.ts';

/** Counts, known queries, latency and bytes of every store below `root`. A damaged index is a failed probe, not an error. */
export async function proveStores(
  config: VectorstoreConfig,
  context: RestoreContext,
  { root, times }: Pick<FolderComparison, 'root' | 'times'>,
): Promise<ProbeResult[]> {
  const facts = await readSealedFacts<VectorstoreFacts>(context);
  const mismatch = otherModel(config, facts.stores);
  if (mismatch !== undefined) throw mismatch;
  const results: ProbeResult[] = [];
  const grown = new Set<string>();
  for (const store of facts.stores) {
    const probes = await proveStore(config, context, { root, place: facts.place, store });
    results.push(...probes.results);
    if (probes.added > 0) grown.add(store.folder);
  }
  // A store that the application wrote since has other bytes by right; its known neighbours were compared.
  const unchanged = facts.stores.filter(({ folder }) => !grown.has(folder));
  const compared = new Set(
    unchanged.flatMap((store) => [
      ...([indexFile, pickleFile] as const).flatMap((name) => [join(store.folder, name), storeFilePath(store, name)]),
      ...(store.lists ?? []),
    ]),
  );
  results.push(...(await compareWithIndex(context, { root, times, wanted: ({ path }) => compared.has(path) })));
  const isOfGrown = (path: string): boolean => grown.has(folderOf(path));
  results.push(...(await compareFolderAttributes(context, root, facts.owner, ({ path }) => !isOfGrown(path))));
  return results;
}

async function proveStore(
  config: VectorstoreConfig,
  context: RestoreContext,
  { root, place, store }: RestoredStore,
): Promise<{ results: ProbeResult[]; added: number }> {
  const known = store.queries.map(openQuery);
  const label = store.folder === '' ? '' : ` of ${store.folder}`;
  const probe = (name: string, expected: string, actual: string, ok: boolean): ProbeResult => ({
    component: config.id,
    name: name + label,
    expected,
    actual,
    ok,
  });
  let index: IndexFacts;
  try {
    const request = {
      // By a link with an absolute text a staged store would be the live one, and by the names of lists on disk, too.
      path: join(root, storeFilePath(store, indexFile)),
      lists: await ownLists(config, { root, place, store }),
      k: store.k,
      queries: known.map(({ query }) => query),
      knownTotal: store.total,
    };
    index = await inspectIndex(request, {
      component: config.id,
      memoryLimitBytes: config.memoryLimit,
      signal: context.signal,
    });
  } catch (error) {
    // Without FAISS nothing was learned of the data: the hint is of more use than a failed probe.
    if (!isLifeboatError(error) || error.code === 'Aborted' || error.code === 'Precondition') throw error;
    return { results: [probe('index loads', 'loaded', error.message, false)], added: 0 };
  }
  const { documentCount } = await readMetadata(join(root, storeFilePath(store, metadataFile)), config.id);
  const same = compareNeighbourLists(
    known.map(({ neighbours }) => neighbours),
    index.neighbours,
    { knownTotal: store.total, hasGrown: index.total > store.total },
  );
  return {
    added: index.total - store.total,
    results: [
      probe('vectors', String(store.total), String(index.total), index.total >= store.total),
      probe('dimension', String(store.dimension), String(index.dimension), index.dimension === store.dimension),
      probe(
        'document count agrees',
        String(index.total),
        String(documentCount ?? index.total),
        (documentCount ?? index.total) === index.total,
      ),
      {
        ...probe(
          'neighbours of known queries',
          `${known.length} of ${known.length}`,
          `${same} of ${known.length}`,
          same === known.length,
        ),
        ...(known.length > 0 ? { content: true } : {}),
      },
      probe(
        'slowest search',
        `<= ${slowSearchSeconds.toFixed(1)} s`,
        `${index.slowestSeconds.toFixed(3)} s`,
        index.slowestSeconds <= slowSearchSeconds,
      ),
    ],
  };
}
