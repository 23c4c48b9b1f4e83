/** Child process that loads one FAISS index and searches it. */
import { readFile } from 'node:fs/promises';
import { serveRequests } from '../../inference/child-side.ts';
import { importNative } from '../../inference/native-package.ts';
import { sampleQueries } from './flat-vectors.ts';
import { renameLists } from './on-disk-lists.ts';
import type { IndexFacts, InspectRequest, Neighbours } from './inspect-index.ts';

serveRequests(async (message) => inspect(message as unknown as InspectRequest));

/** Added vectors may come before the known ones in a search; so many more neighbours are asked for at most. */
const maxAdded = 100;

async function inspect({ path, k, queries, knownTotal, lists = [] }: InspectRequest): Promise<IndexFacts> {
  const { default: faiss } = await importNative('faiss-node', async () => import('faiss-node'));
  const begin = performance.now();
  const index =
    lists.length === 0 ? faiss.Index.read(path) : faiss.Index.fromBuffer(renameLists(await readFile(path), lists));
  const loadSeconds = (performance.now() - begin) / 1000;
  const [total, dimension] = [index.ntotal(), index.getDimension()];
  const asked = typeof queries === 'number' ? await sampleQueries(path, queries, total, dimension) : queries;
  const usable = asked.filter(({ length }) => length === dimension);
  const added = Math.min(Math.max(total - (knownTotal ?? total), 0), maxAdded);
  let slowestSeconds = 0;
  const neighbours = (total === 0 ? [] : usable).map((query): Neighbours => {
    const searchBegin = performance.now();
    const { labels, distances } = index.search([...query], Math.min(k + added, total));
    slowestSeconds = Math.max(slowestSeconds, (performance.now() - searchBegin) / 1000);
    return { labels, distances };
  });
  return { total, dimension, loadSeconds, slowestSeconds, queries: usable, neighbours };
}
