import { describe, expect } from 'vitest';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readGgufHeader } from '../../src/inference/gguf-read.ts';
import { folderTest as test } from '../support/folder-test.ts';
import { writeTinyModel } from './tiny-model.ts';

describe('D2.7: the header of a GGUF file', () => {
  test('tells architecture, tensors and the size that the file must have', async ({ folder }) => {
    const path = join(folder, 'tiny.gguf');
    await writeTinyModel(path, { name: 'tiny of the test' });
    const header = await readGgufHeader(path);
    expect(header).toMatchObject({ version: 3, architecture: 'bert', tensors: 21 });
    expect(header.metadata).toMatchObject({
      'general.name': 'tiny of the test',
      'bert.embedding_length': 32,
      'bert.attention.causal': false,
    });
    expect(header.expectedBytes).toBe(header.sizeBytes);
  });

  test('a file that lost its end is refused with both sizes', async ({ folder }) => {
    const path = join(folder, 'tiny.gguf');
    await writeTinyModel(path);
    const { sizeBytes } = await readGgufHeader(path);
    const file = await open(path, 'r+');
    await file.truncate(sizeBytes - 1);
    await file.close();
    await expect(readGgufHeader(path)).rejects.toMatchObject({
      code: 'SourceCorrupt',
      message: expect.stringContaining(`it has ${sizeBytes - 1} bytes, its tensor table needs ${sizeBytes}`) as string,
    });
  });

  test('cut at any place, the header is refused and never misread', async ({ folder }) => {
    const path = join(folder, 'tiny.gguf');
    await writeTinyModel(path);
    const whole = await readFile(path);
    // The header takes about 4 KB; every 37th place hits lengths, names and values alike.
    for (let length = 0; length < 4000; length += 37) {
      await writeFile(path, whole.subarray(0, length));
      await expect(readGgufHeader(path), `cut at ${length}`).rejects.toMatchObject({ code: 'SourceCorrupt' });
    }
  });

  test('impossible counts are refused at once instead of being looped over', async ({ folder }) => {
    const path = join(folder, 'hostile.gguf');
    await writeTinyModel(path);
    const bytes = await readFile(path);
    bytes.writeBigUInt64LE(2n ** 52n, 8);
    await writeFile(path, bytes);
    await expect(readGgufHeader(path)).rejects.toMatchObject({
      code: 'SourceCorrupt',
      message: expect.stringContaining('it claims 4503599627370496 tensors') as string,
    });
  });

  test('a file of another kind is named as such', async ({ folder }) => {
    const path = join(folder, 'model.gguf');
    await writeFile(path, '<html>404 Not Found</html>');
    await expect(readGgufHeader(path)).rejects.toMatchObject({
      code: 'SourceCorrupt',
      message: expect.stringContaining('does not begin with GGUF') as string,
    });
  });
});
