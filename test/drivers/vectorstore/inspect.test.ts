import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createVectorstoreDriver } from '../../../src/drivers/vectorstore/driver.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { doctored, faults, inspected, type Changes } from '../../support/doctored.ts';
import { folderTest as test } from '../../support/folder-test.ts';
import { makeBench, type RestoreBench } from '../folder/restore-bench.ts';
import { configOf, writeStore, type StoreOptions } from './store.ts';

interface Kit extends RestoreBench {
  readonly driver: ReturnType<typeof createVectorstoreDriver>;
}

/** Runs with a store that was captured and is gone. */
async function withStore(
  folder: string,
  options: StoreOptions,
  use: (kit: Kit, record: Awaited<ReturnType<Kit['capture']>>) => Promise<void>,
): Promise<void> {
  const live = join(folder, 'vectorstore');
  await writeStore(live, options);
  const bench = await makeBench(folder);
  const driver = createVectorstoreDriver(configOf(live), {
    target: createProcessTarget(),
    stateDir: '/nowhere',
    secret: async () => undefined,
  });
  try {
    const record = await bench.capture(driver);
    await rm(live, { recursive: true });
    await use({ ...bench, driver }, record);
  } finally {
    await bench.repository.close();
  }
}

test('D3.8: a stored store is proven from its headers, whole or with each fault named', async ({ folder }) => {
  await withStore(folder, {}, async ({ repository, driver }, record) => {
    const good = await inspected(driver, repository, record);
    expect(good).toEqual([
      expect.objectContaining({
        ok: true,
        name: 'file `faiss_index.faiss`',
        actual: 'a FAISS index of kind IxF2, 200 vectors of 16 dimensions in 12845 bytes',
      }),
      expect.objectContaining({
        ok: true,
        name: 'file `metadata.json`',
        actual: '200 documents, embedded by all-MiniLM-L6-v2',
      }),
    ]);
    const cases: readonly [changes: Changes, fault: string][] = [
      [{ 'faiss_index.faiss': 'absent' }, 'file `faiss_index.faiss`: absent'],
      [
        { 'faiss_index.faiss': total(199) },
        'file `faiss_index.faiss`: a FAISS index of kind IxF2, 199 vectors of 16 dimensions in 12845 bytes',
      ],
      [
        { 'faiss_index.faiss': (whole) => whole.subarray(0, -64) },
        'file `faiss_index.faiss`: a FAISS index of kind IxF2, 200 vectors of 16 dimensions in 12781 bytes',
      ],
      [{ 'faiss_index.faiss': (whole) => whole.subarray(0, 20) }, 'file `faiss_index.faiss`: 20 bytes: too short'],
      [{ 'faiss_index.pkl': 'absent' }, 'file `faiss_index.pkl`: absent'],
      [{ 'faiss_index.pkl': () => Buffer.alloc(0) }, 'file `faiss_index.pkl`: empty'],
      [{ 'metadata.json': 'absent' }, 'file `metadata.json`: absent'],
      [{ 'metadata.json': () => Buffer.from('[]') }, 'file `metadata.json`: no JSON object'],
      [{ 'metadata.json': documents(199) }, 'file `metadata.json`: 199 documents, embedded by all-MiniLM-L6-v2'],
      [{ 'other/metadata.json': documents(1) }, 'store `other`: one that it did not'],
      [{ '.lifeboat/facts.json': 'absent' }, 'file `.lifeboat/facts.json`: absent'],
    ];
    for (const [changes, fault] of cases) {
      expect(await faults(driver, repository, await doctored(repository, record, changes))).toEqual([
        `vectorstore: ${fault}`,
      ]);
    }
  });
});

test('D3.8: an index that is not flat tells its kind and counts; a kind that nobody knows only its name', async ({
  folder,
}) => {
  await withStore(folder, { factory: 'HNSW16' }, async ({ repository, driver }, record) => {
    const [index] = await inspected(driver, repository, record);
    expect(index).toMatchObject({ ok: true, actual: 'a FAISS index of kind IHNf, 200 vectors of 16 dimensions' });
    const wrong = await doctored(repository, record, { 'faiss_index.faiss': total(7) });
    expect(await faults(driver, repository, wrong)).toHaveLength(1);
    const unknown = await doctored(repository, record, {
      'faiss_index.faiss': (whole) => Buffer.concat([Buffer.from('ZZZZ'), whole.subarray(4)]),
    });
    expect((await inspected(driver, repository, unknown))[0]).toMatchObject({
      ok: true,
      actual: 'a FAISS index of kind ZZZZ, which only FAISS can check',
    });
  });
});

function total(vectors: number): (index: Buffer) => Buffer {
  return (index) => {
    const other = Buffer.from(index);
    other.writeBigInt64LE(BigInt(vectors), 8);
    return other;
  };
}

function documents(count: number): () => Buffer {
  return () => Buffer.from(JSON.stringify({ document_count: count, embedding_model: 'all-MiniLM-L6-v2' }));
}
