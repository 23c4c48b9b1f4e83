import { expect } from 'vitest';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readGgufHeader } from '../../src/inference/gguf-read.ts';
import { probeModel } from '../../src/inference/load-probe.ts';
import { folderTest as test } from '../support/folder-test.ts';
import { tinyDimension, writeTinyModel } from './tiny-model.ts';

const memoryLimitBytes = 256 * 2 ** 20;

test('O2.7: a model counts as usable when it gave an embedding', async ({ folder }) => {
  const modelPath = join(folder, 'tiny.gguf');
  await writeTinyModel(modelPath);
  await expect(probeModel({ modelPath, memoryLimitBytes })).resolves.toEqual({
    architecture: 'bert',
    gave: 'embedding',
    count: tinyDimension,
  });
});

test('a model that meets the memory limit ends its own process only, and the limit is named', async ({ folder }) => {
  const modelPath = join(folder, 'tiny.gguf');
  await writeTinyModel(modelPath);
  await expect(probeModel({ modelPath, memoryLimitBytes: 2 ** 20, component: 'models' })).rejects.toMatchObject({
    code: 'EngineFailed',
    component: 'models',
    message: expect.stringContaining('its memory limit is 1 MiB') as string,
  });
});

test('a header without its tensors is refused by the engine', async ({ folder }) => {
  const modelPath = join(folder, 'tiny.gguf');
  await writeTinyModel(modelPath);
  await renameTensor(modelPath, 'blk.0.attn_q.weight', 'blk.0.attn_x.weight');
  await expect(readGgufHeader(modelPath)).resolves.toMatchObject({ architecture: 'bert' });
  await expect(probeModel({ modelPath, memoryLimitBytes })).rejects.toMatchObject({ code: 'EngineFailed' });
});

test('an aborted probe leaves no process behind', async ({ folder }) => {
  const modelPath = join(folder, 'tiny.gguf');
  await writeTinyModel(modelPath);
  const controller = new AbortController();
  const probe = probeModel({ modelPath, memoryLimitBytes, signal: controller.signal });
  controller.abort();
  await expect(probe).rejects.toMatchObject({ code: 'Aborted' });
});

async function renameTensor(path: string, from: string, to: string): Promise<void> {
  const bytes = await readFile(path);
  const at = bytes.indexOf(from);
  expect(at).toBeGreaterThan(0);
  bytes.write(to, at);
  await writeFile(path, bytes);
}
