/** Reads a vector store that another process writes, and proves that the three files belong together. */
import { join } from 'node:path';
import type { VectorstoreConfig } from '../../domain/appliance.ts';
import { LifeboatError } from '../../domain/errors.ts';
import type { CaptureContext, CaptureFacts } from '../driver.ts';
import { writeSealedFacts } from '../folder/sealed-facts.ts';
import { ownerOf, walkFolder, type FolderEntry } from '../folder/walk-folder.ts';
import { knownQueries, sealQueries, searchK, type StoreFacts } from './facts.ts';
import { indexFile, metadataFile, missingFiles, readMetadata, storeFiles, storeFolders } from './files.ts';
import { inspectIndex } from './inspect-index.ts';
import { identify, waitUntilQuiet } from './stable-window.ts';

/** Windows that are tried before the capture goes on as `unproven`. */
const windows = 5;

/**
 * Quiet window → load in a child → read → look again. SourceChanged where a file changed while it was loaded or read
 * (a retry begins anew); SourceEmpty where a file is missing; SourceCorrupt where quiet files contradict each other.
 */
export async function captureVectorstore(config: VectorstoreConfig, context: CaptureContext): Promise<CaptureFacts> {
  const stores = storePaths(config, await walkFolder(config.path, config.id));
  const { quiet, identity } = await waitUntilQuiet({
    paths: stores.flatMap(({ paths }) => paths),
    quietSeconds: config.quietSeconds,
    attempts: windows,
    signal: context.signal,
  });
  const capturedFrom = new Date();
  const entries = await walkFolder(config.path, config.id);
  context.onProgress({ phase: 'checking the index', bytesDone: 0, bytesTotal: 0 });
  const facts: StoreFacts[] = [];
  for (const { folder } of stores) facts.push(await inspectStore(config, folder, quiet, context.signal));
  await writeEntries(context, entries);
  if ((await identify(stores.flatMap(({ paths }) => paths))) !== identity) throw changed(config);
  await writeSealedFacts(context.writer, { owner: await ownerOf(config.path), stores: facts });
  return {
    capturedFrom,
    capturedUntil: new Date(),
    quiescence: quiet ? 'stable-window' : 'unproven',
    facts: {
      stores: facts.length,
      vectors: facts.reduce((sum, { total }) => sum + total, 0),
      dimension: facts[0]?.dimension ?? 0,
      embeddingModel: facts[0]?.embeddingModel ?? null,
    },
  };
}

/** SourceEmpty unless there is a store and every store has its three files. */
function storePaths(config: VectorstoreConfig, entries: readonly FolderEntry[]): { folder: string; paths: string[] }[] {
  const folders = storeFolders(entries);
  if (folders.length === 0) {
    throw new LifeboatError('SourceEmpty', `\`${config.path}\` holds no vector store: no ${storeFiles.join(', ')}`, {
      component: config.id,
    });
  }
  return folders.map((folder) => {
    const missing = missingFiles(folder, entries);
    if (missing.length > 0) {
      throw new LifeboatError('SourceEmpty', `\`${join(config.path, folder)}\` lacks ${missing.join(' and ')}`, {
        component: config.id,
      });
    }
    return { folder, paths: storeFiles.map((name) => join(config.path, folder, name)) };
  });
}

async function inspectStore(
  config: VectorstoreConfig,
  folder: string,
  quiet: boolean,
  signal: AbortSignal,
): Promise<StoreFacts> {
  const path = join(config.path, folder, indexFile);
  const index = await inspectIndex(
    { path, k: searchK, queries: knownQueries },
    { component: config.id, memoryLimitBytes: config.memoryLimit, signal },
  );
  const metadata = await readMetadata(join(config.path, folder, metadataFile), config.id);
  if (index.total === 0)
    throw new LifeboatError('SourceEmpty', `\`${path}\` holds no vector`, { component: config.id });
  if (metadata.documentCount !== undefined && metadata.documentCount !== index.total) {
    const message = `\`${path}\` holds ${index.total} vectors, ${metadataFile} says ${metadata.documentCount}`;
    // Without a quiet window the application may be in the middle of a save.
    throw new LifeboatError(quiet ? 'SourceCorrupt' : 'SourceChanged', message, { component: config.id });
  }
  return {
    folder,
    total: index.total,
    dimension: index.dimension,
    documentCount: metadata.documentCount ?? null,
    embeddingModel: metadata.embeddingModel ?? null,
    k: searchK,
    queries: sealQueries(index),
  };
}

async function writeEntries({ writer }: CaptureContext, entries: readonly FolderEntry[]): Promise<void> {
  await Promise.all(
    entries.map(async (entry) => {
      if (entry.kind === 'file') await writer.fromDisk(entry.meta, entry.absolutePath);
      else await writer.add(entry.meta);
    }),
  );
}

function changed(config: VectorstoreConfig): LifeboatError {
  return new LifeboatError('SourceChanged', `the files of \`${config.path}\` changed while they were read`, {
    component: config.id,
    hint: `tried again by itself; a \`quiet\` shorter than the pauses between two saves helps`,
  });
}
