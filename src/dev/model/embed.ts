/** Embeds texts with a GGUF model in a child process, and remembers what was embedded before. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { LifeboatError } from '../../domain/errors.ts';
import { BoundedChild } from '../../inference/bounded-child.ts';
import { modelChild } from '../../inference/load-probe.ts';
import { EmbeddingCache } from './embedding-cache.ts';
import { readGgufHeader } from '../../inference/gguf-read.ts';

export interface EmbedderOptions {
  readonly modelPath: string;
  /** Without it nothing is remembered. */
  readonly cacheFolder?: string;
  readonly memoryLimitBytes?: number;
  readonly signal?: AbortSignal;
}

export interface Embedder {
  /** Values per vector. */
  readonly dimension: number;
  /** `general.name` of the model, for metadata.json. */
  readonly modelName: string;
  readonly modelSha256: string;
  /** Vectors of length 1, in the order of the texts. `onProgress` gets how many texts are done. */
  embed(texts: readonly string[], onProgress?: (done: number) => void): Promise<Float32Array[]>;
  /** Ends the child. May be called twice. */
  close(): Promise<void>;
}

/** M: MiniLM with two contexts takes 160 MB. */
const defaultMemoryLimitBytes = 1024 * 1024 * 1024;
/** 128 lines are about one second of work: the step of progress, and of what a kill loses. */
const batchSize = 128;

/** The child is started at the first text that the cache does not know. SourceCorrupt for a damaged model. */
export async function openEmbedder(options: EmbedderOptions): Promise<Embedder> {
  const header = await readGgufHeader(options.modelPath);
  const dimension = Number(header.metadata[`${header.architecture}.embedding_length`]);
  if (!(dimension > 0)) throw new LifeboatError('SourceCorrupt', `\`${options.modelPath}\` names no embedding length`);
  const modelSha256 = await hashFile(options.modelPath);
  const cache =
    options.cacheFolder === undefined
      ? undefined
      : await EmbeddingCache.open(options.cacheFolder, modelSha256, dimension);
  let child: BoundedChild | undefined;
  const compute = async (texts: readonly string[]): Promise<Float32Array[]> => {
    child ??= new BoundedChild({
      script: modelChild,
      memoryLimitBytes: options.memoryLimitBytes ?? defaultMemoryLimitBytes,
      subject: `the model \`${options.modelPath}\``,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return child.request<Float32Array[]>({ kind: 'embed', modelPath: options.modelPath, texts });
  };
  return {
    dimension,
    modelName: String(header.metadata['general.name'] ?? header.architecture),
    modelSha256,
    embed: async (texts, onProgress) => embedAll(texts, cache, compute, onProgress),
    close: async () => child?.stop(),
  };
}

async function embedAll(
  texts: readonly string[],
  cache: EmbeddingCache | undefined,
  compute: (texts: readonly string[]) => Promise<Float32Array[]>,
  onProgress: ((done: number) => void) | undefined,
): Promise<Float32Array[]> {
  const results = texts.map((text) => cache?.get(text));
  const missing = [...results.keys()].filter((index) => results[index] === undefined);
  onProgress?.(texts.length - missing.length);
  for (let from = 0; from < missing.length; from += batchSize) {
    const batch = missing.slice(from, from + batchSize);
    const batchTexts = batch.map((index) => texts[index] ?? '');
    const vectors = await compute(batchTexts);
    await cache?.add(batchTexts, vectors);
    for (const [position, index] of batch.entries()) results[index] = vectors[position];
    onProgress?.(texts.length - missing.length + from + batch.length);
  }
  return results as Float32Array[];
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
