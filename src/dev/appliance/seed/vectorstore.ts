/** Embeds the log lines with the real model and writes the index. */
import { openEmbedder } from '../../model/embed.ts';
import { VectorStore } from '../app/vector-store.ts';
import type { SampleAppliance } from '../description.ts';

export interface SeedVectorsOptions {
  readonly modelPath: string;
  /** Embeddings of earlier runs are kept here. */
  readonly cacheFolder: string;
  readonly lines: readonly string[];
  readonly onProgress: (done: number, total: number) => void;
}

export async function seedVectorstore(
  appliance: Pick<SampleAppliance, 'folders' | 'embeddingModelName'>,
  options: SeedVectorsOptions,
): Promise<void> {
  const { lines, onProgress } = options;
  const embedder = await openEmbedder({ modelPath: options.modelPath, cacheFolder: options.cacheFolder });
  try {
    const vectors = await embedder.embed(lines, (done) => onProgress(done, lines.length));
    const store = VectorStore.empty(appliance.folders.vectorstore, appliance.embeddingModelName, embedder.dimension);
    store.add(lines, vectors);
    await store.save();
  } finally {
    await embedder.close();
  }
}
