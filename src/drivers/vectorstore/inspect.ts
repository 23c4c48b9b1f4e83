/** Tells whether a stored vector store's three files agree with each other and with the capture. The pickle is never opened. */
import { basename, join } from 'node:path';
import type { FileEntry } from '../../domain/entry.ts';
import type { ProbeResult } from '../../domain/recovery-point.ts';
import { linkInspector } from '../folder/link-probes.ts';
import { sealedFactsPath } from '../folder/sealed-facts.ts';
import { fileName, Inspection, inspectFacts, readBeginning, readStored, type Stored } from '../stored.ts';
import { storeFilePath, type StoreFacts, type VectorstoreFacts } from './facts.ts';
import {
  indexFile,
  isStoreFile,
  metadataFile,
  parseMetadata,
  pickleFile,
  storeFiles,
  storeFoldersOf,
  type StoreFile,
} from './files.ts';
import { indexHeaderBytes, parseIndexHeader, type IndexHeader } from './index-header.ts';

export async function inspectVectorstore(stored: Stored): Promise<ProbeResult[]> {
  const inspection = new Inspection(stored.record.id);
  const facts = await inspectFacts<VectorstoreFacts>(inspection, stored, { path: sealedFactsPath, lists: ['stores'] });
  if (facts === undefined) return inspection.results;
  const { files, links } = await findFiles(stored, facts);
  const inspectLink = linkInspector(inspection, links, facts.place);
  for (const store of facts.stores) {
    const at = (name: StoreFile): string => storeFilePath(store, name);
    for (const name of storeFiles) {
      const link = join(store.folder, name);
      if (at(name) !== link) inspectLink(link, at(name));
    }
    await inspectIndexFile(inspection, stored, store, { path: at(indexFile), entry: files.get(at(indexFile)) });
    await inspectMetadata(inspection, stored, store, { path: at(metadataFile), entry: files.get(at(metadataFile)) });
    for (const path of store.lists ?? [])
      inspection.expect(fileName(path), 'there', files.has(path) ? 'there' : 'absent');
    const pickle = files.get(at(pickleFile));
    if (pickle === undefined || pickle.size === 0) {
      inspection.expect(fileName(at(pickleFile)), 'there', pickle === undefined ? 'absent' : 'empty');
    }
  }
  const known = facts.stores.map(({ folder }) => folder);
  for (const folder of storeFoldersOf(files.keys()).filter((each) => !known.includes(each))) {
    inspection.expect(`store \`${folder}\``, 'one that the capture checked', 'one that it did not');
  }
  return inspection.results;
}

interface Place {
  readonly path: string;
  readonly entry: FileEntry | undefined;
}

interface Found {
  readonly files: ReadonlyMap<string, FileEntry>;
  /** Texts of all links. */
  readonly links: ReadonlyMap<string, string>;
}

async function findFiles({ repository, record, signal }: Stored, { stores }: VectorstoreFacts): Promise<Found> {
  const linked = new Set(stores.flatMap(({ files: each = {}, lists = [] }) => [...Object.values(each), ...lists]));
  const files = new Map<string, FileEntry>();
  const links = new Map<string, string>();
  for await (const entry of repository.readIndex(record.indexId, signal)) {
    if (entry.type === 'symlink') links.set(entry.path, entry.target ?? '');
    if (entry.type === 'file' && (isStoreFile(basename(entry.path)) || linked.has(entry.path)))
      files.set(entry.path, entry);
  }
  return { files, links };
}

async function inspectIndexFile(
  inspection: Inspection,
  stored: Stored,
  { total, dimension }: StoreFacts,
  { path, entry }: Place,
): Promise<void> {
  if (entry === undefined) {
    inspection.expect(fileName(path), 'there', 'absent');
    return;
  }
  const header = parseIndexHeader(await readBeginning(stored, entry, indexHeaderBytes));
  if (header === undefined) {
    inspection.expect(fileName(path), 'a FAISS index', `${entry.size} bytes: too short`);
    return;
  }
  const of = `a FAISS index of kind ${header.kind}`;
  const length = header.flat === undefined ? undefined : header.flat.begin + total * dimension * 4;
  const expected = `${of}, ${describe(header, { total, dimension }, length)}`;
  inspection.expect(fileName(path), expected, `${of}, ${describe(header, header.counts, entry.size)}`);
}

/** Only a flat index tells its length; of a kind whose header is not known there is nothing to compare. */
function describe(
  { flat, counts: known }: IndexHeader,
  counts: IndexHeader['counts'],
  bytes: number | undefined,
): string {
  if (known === undefined || counts === undefined) return 'which only FAISS can check';
  const length = flat === undefined ? '' : ` in ${bytes} bytes`;
  return `${counts.total} vectors of ${counts.dimension} dimensions${length}`;
}

async function inspectMetadata(
  inspection: Inspection,
  stored: Stored,
  { documentCount, embeddingModel }: StoreFacts,
  { path, entry }: Place,
): Promise<void> {
  const text = (count: number | null | undefined, model: string | null | undefined): string =>
    `${count ?? 'uncounted'} documents, embedded by ${model ?? 'an unnamed model'}`;
  const expected = text(documentCount, embeddingModel);
  const content = await readStored(stored, entry);
  if (content === undefined) {
    inspection.expect(fileName(path), expected, 'absent');
    return;
  }
  const metadata = parseMetadata(content.toString('utf8'));
  const actual = metadata === undefined ? 'no JSON object' : text(metadata.documentCount, metadata.embeddingModel);
  inspection.expect(fileName(path), expected, actual);
}
