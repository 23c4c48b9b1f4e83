/** Reads a vector store that another process writes, and proves that the three files belong together. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComponentConfig, VectorstoreConfig } from '../../domain/appliance.ts';
import { LifeboatError, isLifeboatError } from '../../domain/errors.ts';
import { AttributeCapture } from '../attributes/capture.ts';
import type { CaptureContext, CaptureFacts } from '../driver.ts';
import { captureEntries } from '../folder/capture-entries.ts';
import { entriesWithAttributes, ownerWithAttributes } from '../folder/folder-attributes.ts';
import { refuseFaults } from '../folder/folder-links.ts';
import { Meanwhile } from '../folder/meanwhile.ts';
import { refuseUnreadable } from '../folder/readable.ts';
import { readSealedFacts, writeSealedFacts } from '../folder/sealed-facts.ts';
import { walkFolder } from '../folder/walk-folder.ts';
import { knownQueries, sealQueries, searchK, storeFilePath, type StoreFacts, type VectorstoreFacts } from './facts.ts';
import { indexFile, metadataFile, readMetadata, storeFiles } from './files.ts';
import { findStores, type FoundStore, type FoundStores } from './find-stores.ts';
import { inspectIndex } from './inspect-index.ts';
import { listsOf } from './on-disk-lists.ts';
import { identify, waitUntilQuiet } from './stable-window.ts';

/** How often a quiet window, and a load within it, are tried before the capture goes on as `unproven`. */
const windows = 5;

/**
 * Quiet window → load in a child → read → look again; the first two only where anything was written since the last capture.
 * A save of the application that comes in between begins it anew,
 * and after the last try is SourceChanged (a retry begins anew with a fresh writer). SourceEmpty where a file is
 * missing; SourceCorrupt where files that stood still contradict each other; Precondition for a link behind which a store
 * lies that no component carries.
 */
export async function captureVectorstore(
  config: VectorstoreConfig,
  context: CaptureContext,
  others: readonly ComponentConfig[],
): Promise<CaptureFacts> {
  const stores = wholeStores(config, await findStores(config, await walkFolder(config.path, config.id), others));
  const capturedFrom = new Date();
  const known = await unchangedSince(config, context, stores);
  const { facts, quiet, identity, settled } = known ?? (await inspectQuietly(config, stores, context));
  const attributes = await AttributeCapture.begin();
  const meanwhile = new Meanwhile();
  const entries = await walkFolder(config.path, config.id, {
    leaveOut: (left) => context.writer.leaveOut(left),
    vanished: (path) => meanwhile.vanished(path),
  });
  // A link may have been made, or turned away, since the first look.
  const { stores: read, links } = await findStores(config, entries, others);
  refuseFaults(links, config.id);
  if (layoutOf(read.map(asFacts)) !== layoutOf(facts)) throw changed(config);
  const lists = facts.flatMap(listsIn);
  const carried = new Set(entries.flatMap(({ kind, meta }) => (kind === 'file' ? [meta.path] : [])));
  if (!lists.every((file) => carried.has(file))) throw changed(config);
  for (const { path, what } of links.lacks) context.writer.leaveOut({ path, what });
  const files = new Set([...read.flatMap((store) => [...store.files.values()]), ...lists]);
  await captureEntries(context.writer, await entriesWithAttributes(attributes, config.path, entries), {
    component: config.id,
    isData: (path) => files.has(path),
    meanwhile,
  });
  if ((await identify(pathsOf(config, stores, facts))) !== identity) throw changed(config);
  await writeSealedFacts(context.writer, {
    owner: await ownerWithAttributes(attributes, config.path),
    place: { path: config.path, real: await realpath(config.path) },
    stores: facts,
    identity,
    settled,
    ...meanwhile.sealedFacts,
    ...attributes.sealedFacts,
  } satisfies VectorstoreFacts);
  return {
    capturedFrom,
    capturedUntil: new Date(),
    quiescence: quiet && meanwhile.isStill ? 'stable-window' : 'unproven',
    facts: {
      stores: facts.length,
      vectors: facts.reduce((sum, { total }) => sum + total, 0),
      dimension: facts[0]?.dimension ?? 0,
      embeddingModel: facts[0]?.embeddingModel ?? null,
      ...(meanwhile.isStill ? {} : meanwhile.facts),
      ...attributes.facts,
    },
  };
}

interface Inspection {
  readonly facts: readonly StoreFacts[];
  readonly quiet: boolean;
  /** Identity of the files that were inspected. */
  readonly identity: string;
  /** Whether any write to them since moved their times, also one through a mapping. */
  readonly settled: boolean;
}

/**
 * What the last capture proved of these very files: nothing was written to them since, which their times tell only where
 * they were settled at that capture. So they still belong together and need neither a quiet window nor a load. Undefined where that is not known.
 */
async function unchangedSince(
  config: VectorstoreConfig,
  { previous, repository }: CaptureContext,
  current: readonly Store[],
): Promise<Inspection | undefined> {
  if (previous?.quiescence !== 'stable-window') return undefined;
  try {
    const { stores, identity, settled } = await readSealedFacts<VectorstoreFacts>({ repository, record: previous });
    const isSame =
      settled === true &&
      stores.every(({ lists }) => lists !== undefined) &&
      identity === (await identify(pathsOf(config, current, stores)));
    return isSame && layoutOf(stores) === layoutOf(current.map(asFacts))
      ? { facts: stores, quiet: true, identity, settled }
      : undefined;
  } catch (error) {
    // A damaged recovery point is no reason to make none.
    if (isLifeboatError(error)) return undefined;
    throw error;
  }
}

/** What the loads say counts only where the files are the same before and after. */
async function inspectQuietly(
  config: VectorstoreConfig,
  stores: readonly Store[],
  context: CaptureContext,
): Promise<Inspection> {
  const { quietSeconds } = config;
  let paths = pathsOf(config, stores, []);
  for (let attempt = 1; ; attempt += 1) {
    const { quiet, identity } = await waitUntilQuiet({
      paths,
      quietSeconds,
      attempts: windows,
      signal: context.signal,
    });
    const settled = (await Promise.all(paths.map((path) => context.writer.isSettled(path)))).every(Boolean);
    context.onProgress({ phase: 'checking the index', bytesDone: 0, bytesTotal: 0 });
    const result = await inspectStores(config, stores, context.signal).then(
      (facts) => ({ facts }),
      (error: unknown) => ({ error }),
    );
    const hasChanged = (await identify(paths)) !== identity;
    if (!hasChanged && 'facts' in result) {
      const { facts } = result;
      const known = paths.join('\0');
      // Lists on disk are known when the index was read; they have to stand still with it.
      paths = pathsOf(config, stores, facts);
      // Their application has them mapped: until they are settled it may write without moving their times.
      const isStill = quiet && (settled || facts.every((store) => listsIn(store).length === 0));
      if (paths.join('\0') === known) return { facts, quiet: isStill, identity, settled };
    }
    // Without a quiet window a contradiction may be a save that is half way.
    if ('error' in result && ((quiet && !hasChanged) || isOfTheChild(result.error))) throw result.error;
    if (attempt === windows) throw changed(config);
  }
}

/** Aborted, dead by its memory limit, without FAISS or without the right to read: that says nothing of the files. */
function isOfTheChild(error: unknown): boolean {
  return isLifeboatError(error) && ['Aborted', 'EngineFailed', 'Precondition', 'PermissionDenied'].includes(error.code);
}

async function inspectStores(
  config: VectorstoreConfig,
  stores: readonly Store[],
  signal: AbortSignal,
): Promise<StoreFacts[]> {
  const facts: StoreFacts[] = [];
  for (const store of stores) facts.push(await inspectStore(config, store, signal));
  return facts;
}

interface Store extends FoundStore {
  /** Its three names. */
  readonly paths: readonly string[];
}

/** Precondition for a store behind a link; SourceEmpty unless there is a store and every store has its three files. */
function wholeStores(config: VectorstoreConfig, { stores, links }: FoundStores): Store[] {
  refuseFaults(links, config.id);
  if (stores.length === 0) {
    throw new LifeboatError('SourceEmpty', `\`${config.path}\` holds no vector store: no ${storeFiles.join(', ')}`, {
      component: config.id,
    });
  }
  return stores.map((store) => {
    const { folder, files } = store;
    const missing = storeFiles.filter((name) => !files.has(name));
    if (missing.length > 0) {
      throw new LifeboatError('SourceEmpty', `\`${join(config.path, folder)}\` lacks ${missing.join(' and ')}`, {
        component: config.id,
      });
    }
    return { ...store, paths: storeFiles.map((name) => join(config.path, folder, name)) };
  });
}

async function inspectStore(config: VectorstoreConfig, store: FoundStore, signal: AbortSignal): Promise<StoreFacts> {
  const { folder } = store;
  const path = join(config.path, folder, indexFile);
  const lists = await listsOf(config, store);
  refuseFaults(lists, config.id);
  const index = await inspectIndex(
    { path, k: searchK, queries: knownQueries },
    { component: config.id, memoryLimitBytes: config.memoryLimit, signal },
  );
  const metadataPath = join(config.path, folder, metadataFile);
  await refuseUnreadable(metadataPath, config.id);
  const metadata = await readMetadata(metadataPath, config.id);
  if (index.total === 0)
    throw new LifeboatError('SourceEmpty', `\`${path}\` holds no vector`, { component: config.id });
  if (metadata.documentCount !== undefined && metadata.documentCount !== index.total) {
    const message = `\`${path}\` holds ${index.total} vectors, ${metadataFile} says ${metadata.documentCount}`;
    throw new LifeboatError('SourceCorrupt', message, { component: config.id });
  }
  return {
    ...asFacts(store),
    lists: lists.files,
    total: index.total,
    dimension: index.dimension,
    documentCount: metadata.documentCount ?? null,
    embeddingModel: metadata.embeddingModel ?? null,
    k: searchK,
    queries: sealQueries(index),
  };
}

/** All whose bytes have to belong together: the stores' names, and what holds the lists of their indexes. */
function pathsOf(
  { path }: VectorstoreConfig,
  stores: readonly Store[],
  facts: readonly Pick<StoreFacts, 'lists'>[],
): string[] {
  const lists = new Set(facts.flatMap(listsIn));
  return [...stores.flatMap((store) => store.paths), ...[...lists].map((file) => join(path, file))];
}

function listsIn({ lists = [] }: Pick<StoreFacts, 'lists'>): readonly string[] {
  return lists;
}

/** Where a store lies, as it is sealed: only what is a link is named. */
function asFacts({ folder, files }: FoundStore): Pick<StoreFacts, 'folder' | 'files'> {
  const linked = [...files].filter(([name, file]) => file !== join(folder, name));
  return { folder, ...(linked.length === 0 ? {} : { files: Object.fromEntries(linked) }) };
}

/** Files keep their identity where a folder above them is renamed, so where they lie is compared besides. */
function layoutOf(stores: readonly Pick<StoreFacts, 'folder' | 'files'>[]): string {
  const lines = stores.map((store) =>
    JSON.stringify([store.folder, ...storeFiles.map((name) => storeFilePath(store, name))]),
  );
  return lines.toSorted().join('\n');
}

function changed(config: VectorstoreConfig): LifeboatError {
  return new LifeboatError('SourceChanged', `the files of \`${config.path}\` changed while they were read`, {
    component: config.id,
    hint: `tried again by itself; a \`quiet\` shorter than the pauses between two saves helps`,
  });
}
