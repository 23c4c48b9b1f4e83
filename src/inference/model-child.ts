/** Child process that loads one GGUF model with llama.cpp and embeds texts or generates one token. */
import { availableParallelism } from 'node:os';
import type { Llama, LlamaEmbeddingContext, LlamaModel } from 'node-llama-cpp';
import { serveRequests } from './child-side.ts';
import { importNative } from './native-package.ts';

/** Log lines are short; a longer text is cut. Tokens. */
const contextSize = 256;

let engine: Promise<Llama> | undefined;
let loaded: Promise<LlamaModel> | undefined;
let contexts: Promise<LlamaEmbeddingContext[]> | undefined;

serveRequests(async (message) => {
  engine ??= importNative('node-llama-cpp', openEngine);
  const llama = await engine;
  if (message.kind === 'ready') return true;
  const model = await (loaded ??= llama.loadModel({ modelPath: String(message.modelPath), checkTensors: true }));
  if (message.kind === 'embed') return embed(model, message.texts as readonly string[]);
  return { tokens: await generate(model), architecture: model.architecture };
});

async function openEngine(): Promise<Llama> {
  const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
  return getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, progressLogs: false });
}

/** One context with one thread per core: M: 7.9 ms a line instead of 18.6 with one context of two threads. */
async function embed(model: LlamaModel, texts: readonly string[]): Promise<Float32Array[]> {
  const size = Math.min(contextSize, model.trainContextSize);
  const lanes = await (contexts ??= Promise.all(
    Array.from({ length: availableParallelism() }, async () =>
      model.createEmbeddingContext({ contextSize: size, threads: 1 }),
    ),
  ));
  const results: Float32Array[] = [];
  let next = 0;
  const work = async (context: LlamaEmbeddingContext): Promise<void> => {
    for (let index = next++; index < texts.length; index = next++) {
      // Begin and end tokens are added, and the context must stay longer than what stands in it.
      const tokens = model.tokenize(texts[index] ?? '').slice(0, size - 3);
      results[index] = normalized((await context.getEmbeddingFor(tokens)).vector);
    }
  };
  await Promise.all(lanes.map(work));
  return results;
}

/** Length 1, so that the inner product is the cosine and L2 ranks the same. */
function normalized(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => (length === 0 ? 0 : value / length));
}

/** The first token that the model would say. */
async function generate(model: LlamaModel): Promise<number> {
  const context = await model.createContext({ contextSize: 64, threads: availableParallelism() });
  const sequence = context.getSequence();
  const prompt = model.tokenize('Alert:');
  let tokens = 0;
  for await (const token of sequence.evaluate(prompt.length === 0 ? [model.tokens.bos ?? prompt[0]!] : prompt, {
    temperature: 0,
  })) {
    tokens += token >= 0 ? 1 : 0;
    break;
  }
  await context.dispose();
  return tokens;
}
