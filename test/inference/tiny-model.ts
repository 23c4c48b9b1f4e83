/** A BERT model of one layer and random weights that llama.cpp really loads: 60 KB. */
import { bertMetadata } from '../../src/dev/model/bert-metadata.ts';
import { f32 } from '../../src/inference/gguf-format.ts';
import { writeGguf, type TensorToWrite } from '../../src/dev/model/gguf-write.ts';

const embeddingLength = 32;
const feedForwardLength = 64;
const contextLength = 64;

export const tinyDimension = embeddingLength;

/** Another `seed` is another model of the same shape and name. */
export async function writeTinyModel(
  path: string,
  options: { readonly seed?: number; readonly name?: string } = {},
): Promise<void> {
  const random = generator(options.seed ?? 1);
  const characters = 'abcdefghijklmnopqrstuvwxyz0123456789.:/-_[]'.split('');
  const words = [
    '[PAD]',
    '[UNK]',
    '[CLS]',
    '[SEP]',
    '[MASK]',
    ...characters,
    ...characters.map((character) => `##${character}`),
  ];
  const tensor = (name: string, ...dimensions: number[]): TensorToWrite => {
    const values = Float32Array.from({ length: dimensions.reduce((a, b) => a * b, 1) }, () => random() - 0.5);
    return { name, dimensions, type: f32, data: new Uint8Array(values.buffer) };
  };
  const pair = (name: string, ...dimensions: number[]): TensorToWrite[] => [
    tensor(`${name}.weight`, ...dimensions),
    tensor(`${name}.bias`, dimensions.at(-1) ?? 1),
  ];
  const metadata = bertMetadata({
    name: options.name ?? 'tiny-bert',
    layers: 1,
    embeddingLength,
    feedForwardLength,
    heads: 2,
    contextLength,
    layerNormEpsilon: 1e-12,
    fileType: 0,
    words,
  });
  await writeGguf(path, metadata, [
    tensor('token_embd.weight', embeddingLength, words.length),
    tensor('position_embd.weight', embeddingLength, contextLength),
    tensor('token_types.weight', embeddingLength, 2),
    ...pair('token_embd_norm', embeddingLength),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].flatMap((name) =>
      pair(`blk.0.${name}`, embeddingLength, embeddingLength),
    ),
    ...pair('blk.0.attn_output_norm', embeddingLength),
    ...pair('blk.0.ffn_up', embeddingLength, feedForwardLength),
    ...pair('blk.0.ffn_down', feedForwardLength, embeddingLength),
    ...pair('blk.0.layer_output_norm', embeddingLength),
  ]);
}

/** A linear congruential generator: the same file for the same seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
