import { expect } from 'vitest';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { convertMiniLm } from '../../../src/dev/model/convert-minilm.ts';
import { readGgufHeader } from '../../../src/inference/gguf-read.ts';
import { probeModel } from '../../../src/inference/load-probe.ts';
import { folderTest as test } from '../../support/folder-test.ts';

const [hidden, inner, positions] = [32, 64, 64];
const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'failed', 'password', 'for', 'root', '##s'];

test('a safetensors model of the published shape becomes a GGUF file that llama.cpp embeds with', async ({
  folder,
}) => {
  await writeSource(join(folder, 'wheel', 'model'));
  const target = join(folder, 'out.gguf');
  await convertMiniLm(folder, target);

  const header = await readGgufHeader(target);
  // Two encoder layers of 16 tensors each and five of the embeddings; the pooler's two are left out.
  expect(header).toMatchObject({ architecture: 'bert', tensors: 37 });
  expect(header.metadata).toMatchObject({
    'bert.block_count': 2,
    'bert.pooling_type': 1,
    'tokenizer.ggml.tokens': `[${words.length}]`,
    'tokenizer.ggml.cls_token_id': 2,
    'tokenizer.ggml.seperator_token_id': 3,
  });
  await expect(probeModel({ modelPath: target, memoryLimitBytes: 256 * 2 ** 20 })).resolves.toEqual({
    architecture: 'bert',
    gave: 'embedding',
    count: hidden,
  });
});

test('a folder without the model is named', async ({ folder }) => {
  await expect(convertMiniLm(folder, join(folder, 'out.gguf'))).rejects.toMatchObject({
    code: 'NotFound',
    message: expect.stringContaining('model.safetensors') as string,
  });
});

async function writeSource(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const config = {
    num_hidden_layers: 2,
    hidden_size: hidden,
    intermediate_size: inner,
    num_attention_heads: 2,
    max_position_embeddings: positions,
    layer_norm_eps: 1e-12,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'vocab.txt'), `${words.join('\n')}\n`);
  await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(tensorShapes()));
}

function tensorShapes(): Record<string, number[]> {
  const shapes: Record<string, number[]> = {
    'embeddings.word_embeddings.weight': [words.length, hidden],
    'embeddings.position_embeddings.weight': [positions, hidden],
    'embeddings.token_type_embeddings.weight': [2, hidden],
    'embeddings.LayerNorm.weight': [hidden],
    'embeddings.LayerNorm.bias': [hidden],
    'pooler.dense.weight': [hidden, hidden],
    'pooler.dense.bias': [hidden],
  };
  const linear: Record<string, [number, number]> = {
    'attention.self.query': [hidden, hidden],
    'attention.self.key': [hidden, hidden],
    'attention.self.value': [hidden, hidden],
    'attention.output.dense': [hidden, hidden],
    'intermediate.dense': [inner, hidden],
    'output.dense': [hidden, inner],
  };
  for (const layer of [0, 1]) {
    for (const [name, shape] of Object.entries(linear)) {
      shapes[`encoder.layer.${layer}.${name}.weight`] = shape;
      shapes[`encoder.layer.${layer}.${name}.bias`] = [shape[0]];
    }
    for (const name of ['attention.output.LayerNorm', 'output.LayerNorm']) {
      shapes[`encoder.layer.${layer}.${name}.weight`] = [hidden];
      shapes[`encoder.layer.${layer}.${name}.bias`] = [hidden];
    }
  }
  return shapes;
}

function encodeSafetensors(shapes: Record<string, number[]>): Buffer {
  const header: Record<string, object> = { __metadata__: { format: 'pt' } };
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const values = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, index) => Math.sin(index + name.length) / 2,
    );
    parts.push(Buffer.from(values.buffer));
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}
