/** Proves that a model is usable: a child process loads it and gives one embedding or one token. */
import { childScript, withBoundedChild, type BoundedChild } from './bounded-child.ts';
import { readGgufHeader } from './gguf-read.ts';

/** Loads models: the program of the child process. */
export const modelChild = childScript('model-child', import.meta.url);

export interface LoadProbeOptions {
  readonly modelPath: string;
  readonly memoryLimitBytes: number;
  readonly component?: string;
  readonly signal?: AbortSignal;
}

export interface LoadProof {
  readonly architecture: string;
  readonly gave: 'embedding' | 'token';
  /** Length of the vector, or how many tokens were generated. */
  readonly count: number;
}

/** Architectures that only embed: they have no next token. */
const embeddingArchitectures = [
  'bert',
  'nomic-bert',
  'nomic-bert-moe',
  'jina-bert-v2',
  'jina-bert-v3',
  'modern-bert',
  'neo-bert',
  't5encoder',
  'gemma-embedding',
];

/** SourceCorrupt for a file that is not whole; EngineFailed where llama.cpp refuses it or the memory limit is met. */
export async function probeModel(options: LoadProbeOptions): Promise<LoadProof> {
  const header = await readGgufHeader(options.modelPath);
  const child = { ...options, script: modelChild, subject: `the model \`${options.modelPath}\`` };
  return withBoundedChild(child, async (bounded) =>
    embeddingArchitectures.includes(header.architecture)
      ? embedOne(bounded, options, header.architecture)
      : sayOne(bounded, options),
  );
}

/** Is llama.cpp itself there? Loads no model. Precondition where its package is missing or made for another machine. */
export async function probeEngine(options: Omit<LoadProbeOptions, 'modelPath'>): Promise<void> {
  await withBoundedChild({ ...options, script: modelChild, subject: 'llama.cpp' }, async (child) =>
    child.request({ kind: 'ready' }),
  );
}

async function embedOne(child: BoundedChild, options: LoadProbeOptions, architecture: string): Promise<LoadProof> {
  const [vector] = await child.request<Float32Array[]>({
    kind: 'embed',
    modelPath: options.modelPath,
    texts: ['failed password for root'],
  });
  return { architecture, gave: 'embedding', count: vector?.length ?? 0 };
}

async function sayOne(child: BoundedChild, options: LoadProbeOptions): Promise<LoadProof> {
  const answer = await child.request<{ tokens: number; architecture: string }>({
    kind: 'generate',
    modelPath: options.modelPath,
  });
  return { architecture: answer.architecture, gave: 'token', count: answer.tokens };
}
