import { expect } from 'vitest';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyStore } from '../../../src/drivers/vectorstore/verify-store.ts';
import { folderTest as test } from '../../support/folder-test.ts';
import { writeStore } from './store.ts';

const options = { component: 'vectorstore', embeddingModel: 'all-MiniLM-L6-v2', memoryLimitBytes: 256 * 2 ** 20 };

test('D3.8: a whole store with its manifest is valid, in the shape of the guide', async ({ folder }) => {
  await writeStore(folder);
  await writeFile(join(folder, 'vectorstore_backup_manifest_default.json'), '{}');
  expect(await verifyStore(folder, options)).toEqual({
    valid: true,
    errors: [],
    warnings: [],
    manifest_found: true,
    files_found: ['faiss_index.faiss', 'faiss_index.pkl', 'metadata.json'],
    model_compatible: true,
  });
});

test('D3.8: every problem is listed at once', async ({ folder }) => {
  await writeStore(folder, { documentCount: 3, embeddingModel: 'bge-small' });
  await rm(join(folder, 'faiss_index.pkl'));
  expect(await verifyStore(folder, options)).toEqual({
    valid: false,
    errors: [
      'faiss_index.pkl is missing',
      'faiss_index.faiss holds 200 vectors, metadata.json says 3',
      'embedded by `bge-small`, the application uses `all-MiniLM-L6-v2`',
    ],
    warnings: ['no vectorstore_backup_manifest_<id>.json beside the files'],
    manifest_found: false,
    files_found: ['faiss_index.faiss', 'metadata.json'],
    model_compatible: false,
  });
});

test('D3.8: unreadable metadata and an absent folder are errors, never exceptions', async ({ folder }) => {
  await writeStore(folder);
  await writeFile(join(folder, 'metadata.json'), '[1, 2');
  expect((await verifyStore(folder, options)).errors).toEqual([expect.stringContaining('is not a JSON object')]);
  const absent = await verifyStore(join(folder, 'absent'), options);
  expect(absent).toMatchObject({ valid: false, files_found: [], manifest_found: false });
  expect(absent.errors).toHaveLength(3);
});
