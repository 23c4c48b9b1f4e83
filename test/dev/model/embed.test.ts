import { expect } from 'vitest';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbedder } from '../../../src/dev/model/embed.ts';
import { folderTest as test } from '../../support/folder-test.ts';
import { tinyDimension, writeTinyModel } from '../../inference/tiny-model.ts';

const texts = Array.from({ length: 300 }, (_, index) => `failed password ${index}`);

test('texts become vectors of length 1 in their order, and progress counts up to all of them', async ({ folder }) => {
  const modelPath = join(folder, 'tiny.gguf');
  await writeTinyModel(modelPath);
  const embedder = await openEmbedder({ modelPath });
  try {
    const progress: number[] = [];
    const vectors = await embedder.embed([...texts, texts[0] ?? ''], (done) => progress.push(done));
    expect(vectors).toHaveLength(301);
    expect(vectors[300]).toEqual(vectors[0]);
    expect(vectors[1]).not.toEqual(vectors[0]);
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect(embedder.dimension).toBe(tinyDimension);
    expect(progress).toEqual([0, 128, 256, 301]);
  } finally {
    await embedder.close();
  }
});

test('a text that is longer than the model can take is cut, not refused', async ({ folder }) => {
  const modelPath = join(folder, 'tiny.gguf');
  await writeTinyModel(modelPath);
  const embedder = await openEmbedder({ modelPath });
  try {
    const [long, longer] = await embedder.embed(['a '.repeat(5000), `${'a '.repeat(5000)} b`]);
    expect(long).toEqual(longer);
  } finally {
    await embedder.close();
  }
});

test('what was embedded once comes from the cache, by text and by model', async ({ folder }) => {
  const [cacheFolder, modelPath, otherPath] = ['cache', 'a.gguf', 'b.gguf'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeTinyModel(modelPath);
  await writeTinyModel(otherPath, { seed: 2 });
  const first = await embedOnce(modelPath, cacheFolder);
  expect(first.cached).toBe(0);
  const again = await embedOnce(modelPath, cacheFolder);
  expect(again.cached).toBe(texts.length);
  expect(again.vectors).toEqual(first.vectors);
  const other = await embedOnce(otherPath, cacheFolder);
  expect(other.cached).toBe(0);
  expect(other.vectors[0]).not.toEqual(first.vectors[0]);
});

test('a cache file that is cut off is embedded anew instead of being misread', async ({ folder }) => {
  const modelPath = join(folder, 'tiny.gguf');
  const cacheFolder = join(folder, 'cache');
  await writeTinyModel(modelPath);
  const first = await embedOnce(modelPath, cacheFolder);
  const names = (await readdir(cacheFolder, { recursive: true })).filter((name) => name.endsWith('.vectors'));
  expect(names).toHaveLength(3);
  const cut = join(cacheFolder, names[0] ?? '');
  const bytes = await readFile(cut);
  await writeFile(cut, bytes.subarray(0, bytes.length - 7));
  const again = await embedOnce(modelPath, cacheFolder);
  expect(again.cached).toBeLessThan(texts.length);
  expect(again.cached).toBeGreaterThan(0);
  expect(again.vectors).toEqual(first.vectors);
});

async function embedOnce(
  modelPath: string,
  cacheFolder: string,
): Promise<{ cached: number; vectors: readonly Float32Array[] }> {
  const embedder = await openEmbedder({ modelPath, cacheFolder });
  try {
    let cached: number | undefined;
    const vectors = await embedder.embed(texts, (done) => (cached ??= done));
    return { cached: cached ?? -1, vectors };
  } finally {
    await embedder.close();
  }
}
