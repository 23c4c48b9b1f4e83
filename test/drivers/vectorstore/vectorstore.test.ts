import { writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { chmod, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VectorstoreConfig } from '../../../src/domain/appliance.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { makeStaging } from '../../../src/drivers/swap/staging.ts';
import { createVectorstoreDriver } from '../../../src/drivers/vectorstore/driver.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { afterLook } from '../../support/after-look.ts';
import { enlarged } from '../../contracts/enlarged.ts';
import { takeGibibyte } from '../../support/full-disk.ts';
import { benchTest } from '../folder/bench-test.ts';
import { failedProbes } from '../folder/restore-bench.ts';
import { configOf, writeStore, writeStoreSync } from './store.ts';

interface Fixture {
  /** What is said of the age and the file system of all files. */
  settling: { settled: boolean };
  isSettled: (() => boolean) | undefined;
  /** Live folder of the vector store, with 200 vectors. */
  live: string;
}

const test = benchTest.extend<Fixture>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none.
  settling: async ({}, use) => use({ settled: false }),
  isSettled: async ({ settling }, use) => use(() => settling.settled),
  live: async ({ folder }, use) => {
    const live = join(folder, 'vectorstore');
    await writeStore(live);
    await use(live);
  },
});

function driverOf(live: string, fields: Partial<VectorstoreConfig> = {}): Driver {
  return createVectorstoreDriver(configOf(live, fields), {
    target: createProcessTarget(),
    stateDir: '/nowhere',
    secret: async () => undefined,
  });
}

describe('capture', () => {
  test('D3.8: a quiet store is captured as stable-window, with counts in the clear and no paths', async ({
    kit,
    live,
  }) => {
    const record = await kit.capture(driverOf(live));
    expect(record).toMatchObject({
      quiescence: 'stable-window',
      suspect: false,
      facts: { stores: 1, vectors: 200, dimension: 16, embeddingModel: 'all-MiniLM-L6-v2' },
    });
    expect(JSON.stringify(record.facts)).not.toContain(live);
  });

  test('a store that is saved again and again without a pause is unproven or refused, never stable', async ({
    kit,
    live,
  }) => {
    let isWriting = true;
    const writer = (async () => {
      while (isWriting) await writeStore(live);
    })();
    try {
      const outcome = await kit.capture(driverOf(live)).then(
        ({ quiescence }) => quiescence,
        (error: { code: string }) => error.code,
      );
      expect(['unproven', 'SourceChanged']).toContain(outcome);
    } finally {
      isWriting = false;
      await writer;
    }
  });

  test('a save between the quiet window and the read begins it anew: what is captured belongs together', async ({
    kit,
    live,
  }) => {
    const driver = driverOf(live);
    let windows = 0;
    // The driver says that it checks the index when it has found a quiet window, just before the load.
    const saving: Driver = {
      ...driver,
      capture: async (context) =>
        driver.capture({
          ...context,
          onProgress: (state) => {
            if (state.phase === 'checking the index' && windows++ < 2) writeStoreSync(live, 200 + windows);
            context.onProgress(state);
          },
        }),
    };
    const record = await kit.capture(saving);
    expect(windows).toBe(3);
    expect(record).toMatchObject({ quiescence: 'stable-window', facts: { vectors: 202 } });
    await rm(live, { recursive: true });
    expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
  });

  test('a store that nobody wrote since its last capture is neither waited for nor loaded; after a save it is', async ({
    kit,
    live,
    settling,
  }) => {
    settling.settled = true;
    const driver = driverOf(live);
    const phases: string[] = [];
    const first = await kit.capture(driver);
    const again = await kit.capture(driver, first, ({ phase }) => phases.push(phase));
    expect(phases).not.toContain('checking the index');
    expect(again).toMatchObject({ quiescence: 'stable-window', facts: first.facts });
    writeStoreSync(live, 207);
    const changed = await kit.capture(driver, again, ({ phase }) => phases.push(phase));
    expect(phases).toContain('checking the index');
    expect(changed).toMatchObject({ quiescence: 'stable-window', facts: { vectors: 207 } });
    await rm(live, { recursive: true });
    expect(failedProbes(await kit.restore(driver, again))).toEqual([]);
  });

  test('a store that may be mapped and written without a trace in its times is loaded again', async ({
    kit,
    live,
    settling,
  }) => {
    settling.settled = false;
    const driver = driverOf(live);
    const phases: string[] = [];
    const first = await kit.capture(driver);
    settling.settled = true;
    await kit.capture(driver, first, ({ phase }) => phases.push(phase));
    expect(phases).toContain('checking the index');
  });

  for (const name of ['faiss_index.faiss', 'faiss_index.pkl', 'metadata.json']) {
    test(`X17: without ${name} the backup fails and names it`, async ({ kit, live }) => {
      await rm(join(live, name));
      await expect(kit.capture(driverOf(live))).rejects.toMatchObject({
        code: 'SourceEmpty',
        component: 'vectorstore',
        message: expect.stringContaining(`lacks ${name}`) as string,
      });
    });
  }

  test('X17: a folder that is not there, holds no store or no vector is an empty source', async ({
    kit,
    live,
    folder,
  }) => {
    await expect(kit.capture(driverOf(join(folder, 'absent')))).rejects.toMatchObject({ code: 'SourceEmpty' });
    await writeStore(live, { vectors: 0 });
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({
      code: 'SourceEmpty',
      message: expect.stringContaining('holds no vector') as string,
    });
  });

  test('D3.8: quiet files that contradict each other are a corrupt source', async ({ kit, live }) => {
    await writeStore(live, { documentCount: 199 });
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({
      code: 'SourceCorrupt',
      message: expect.stringContaining('200 vectors, metadata.json says 199') as string,
    });
  });

  test("another program's file that comes while the store is loaded, and goes while it is read, is left out and told", async ({
    kit,
    live,
  }) => {
    const driver = driverOf(live);
    const temporary = join(live, 'session');
    const busy: Driver = {
      ...driver,
      capture: (context) => driver.capture({ ...context, onProgress: () => writeFileSync(temporary, 'x') }),
    };
    const record = await afterLook(new Map([[temporary, () => rm(temporary)]]), () => kit.capture(busy));
    expect(record).toMatchObject({ quiescence: 'unproven', facts: { stores: 1, vanishedDuringRead: 1 } });
  });

  test('an index that FAISS cannot read is a corrupt source, and the worker lives on', async ({ kit, live }) => {
    const path = join(live, 'faiss_index.faiss');
    await truncate(path, (await stat(path)).size - 100);
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({
      code: 'SourceCorrupt',
      component: 'vectorstore',
    });
    await writeFile(path, 'no index');
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({ code: 'SourceCorrupt' });
  });

  test('an index above the memory limit ends its own process only, and the limit is named', async ({ kit, live }) => {
    await growTo(join(live, 'faiss_index.faiss'), 8_000_000);
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({
      code: 'EngineFailed',
      message: expect.stringContaining('its memory limit is 256 MiB') as string,
    });
  });

  test('a folder with several stores is captured whole', async ({ kit, live }) => {
    await writeStore(join(live, 'default'), { vectors: 20 });
    const record = await kit.capture(driverOf(live));
    expect(record.facts).toMatchObject({ stores: 2, vectors: 220 });
    await rm(join(live, 'default', 'metadata.json'));
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({ code: 'SourceEmpty' });
  });
});

describe('restore', () => {
  test('D3.7: after the loss of the folder every file is back with its bytes, mode and neighbours', async ({
    kit,
    live,
  }) => {
    const driver = driverOf(live);
    const index = await readFile(join(live, 'faiss_index.faiss'));
    const record = await kit.capture(driver);
    await rm(live, { recursive: true });
    expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
    expect((await readFile(join(live, 'faiss_index.faiss'))).equals(index)).toBe(true);

    const probes = await driver.probe(kit.context(record, 4001));
    expect(failedProbes(probes)).toEqual([]);
    expect(probes.map(({ name }) => name)).toEqual([
      'vectors',
      'dimension',
      'document count agrees',
      'neighbours of known queries',
      'slowest search',
      'file faiss_index.faiss',
      'file faiss_index.pkl',
    ]);
  });

  test('D3.7: the live store is untouched until the swap, kept aside by it, and back after undo', async ({
    kit,
    live,
  }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    await writeStore(live, { vectors: 300 });
    const newer = await readFile(join(live, 'faiss_index.faiss'));

    await driver.stage(kit.context(record, 1001));
    await driver.validate(kit.context(record, 2001));
    expect((await readFile(join(live, 'faiss_index.faiss'))).equals(newer)).toBe(true);
    await driver.swap(kit.context(record, 3001));
    await driver.swap(kit.context(record, 3002));
    expect(failedProbes(await driver.probe(kit.context(record, 4001)))).toEqual([]);
    await driver.undo(kit.context(record, 9001));
    await driver.undo(kit.context(record, 9002));
    expect((await readFile(join(live, 'faiss_index.faiss'))).equals(newer)).toBe(true);
  });

  test('each step of two attempts may run, and commit keeps the safety copy', async ({ kit, live }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    await driver.stage(kit.context(record, 1001));
    await driver.stage(kit.context(record, 1002));
    await driver.swap(kit.context(record, 3001));
    const { safetyCopies } = await driver.commit(kit.context(record, 5001));
    expect(safetyCopies).toHaveLength(1);
    expect((await stat(join(safetyCopies[0] ?? '', 'metadata.json'))).isFile()).toBe(true);
  });

  test('an attempt of an older run is fenced off', async ({ kit, live }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    await driver.stage(kit.context(record, 1001, 'run-1'));
    await kit.restore(driver, record, 'run-2');
    await expect(driver.swap(kit.context(record, 3001, 'run-1'))).rejects.toMatchObject({ code: 'Fenced' });
  });

  test('D6.6: a store of another embedding model is refused by the plan and by the stage', async ({ kit, live }) => {
    const record = await kit.capture(driverOf(live));
    const other = driverOf(live, { embeddingModel: 'bge-small' });
    const [target] = await other.restoreTargets(record);
    expect(target?.problems).toMatchObject([{ code: 'VersionMismatch' }]);
    await expect(other.stage(kit.context(record, 1001))).rejects.toMatchObject({
      code: 'VersionMismatch',
      message: 'the vectors were embedded by `all-MiniLM-L6-v2`, configured is `bge-small`',
    });
    expect((await driverOf(live).restoreTargets(record))[0]?.problems).toEqual([]);
  });

  test('what a killed attempt staged makes room for the next one, where both do not fit', async ({ kit, live }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    const { token } = kit.context(record, 1001);
    const leftover = await makeStaging(live, 'vectorstore', token);
    const needBytes = await takeGibibyte(join(leftover, 'faiss_index.faiss'));
    const context = { ...kit.context(record, 1002), repository: enlarged(kit.repository, Math.ceil(needBytes / 3)) };
    await driver.stage(context);
    await expect(stat(leftover)).rejects.toThrow('ENOENT');
    expect(failedProbes(await driver.validate(kit.context(record, 2001)))).toEqual([]);
  });

  test('D6.1: --replace-damaged deletes only a store that fails its own check, and only where two do not fit', async ({
    kit,
    live,
  }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    // Both sizes are claimed, not written: no disk has room for two such copies, and one such copy is live.
    await truncateLike(join(live, 'huge'), 2 ** 42);
    const context = {
      ...kit.context(record, 1001),
      repository: enlarged(kit.repository, 2 ** 40),
      replaceDamaged: true,
    };
    await expect(driver.stage(context)).rejects.toMatchObject({
      code: 'Precondition',
      message: `nothing is proven to be wrong with \`${live}\``,
    });
    // A limit that is too low is no damage.
    await growTo(join(live, 'faiss_index.faiss'), 8_000_000);
    await expect(driver.stage(context)).rejects.toMatchObject({ code: 'EngineFailed' });
    expect((await stat(join(live, 'faiss_index.faiss'))).size).toBeGreaterThan(8_000_000);
    await writeFile(join(live, 'faiss_index.faiss'), 'no index');
    await expect(driver.stage({ ...context, replaceDamaged: false })).rejects.toMatchObject({ code: 'NoSpace' });
    await driver.stage(context);
    await expect(stat(live)).rejects.toThrow('ENOENT');
    await driver.swap(kit.context(record, 3001));
    expect(failedProbes(await driver.probe(kit.context(record, 4001)))).toEqual([]);
  });

  test('D6.8: one changed byte of the restored index is found', async ({ kit, live }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    const file = await open(join(live, 'faiss_index.faiss'), 'r+');
    await file.write(Buffer.from([0x7f]), 0, 1, 45 + 199 * 64 + 3);
    await file.close();
    expect(failedProbes(await driver.probe(kit.context(record, 4001))).join()).toContain('file faiss_index.faiss');
  });

  test('a lost file and a damaged index are failed probes, not exceptions', async ({ kit, live }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    await truncate(join(live, 'faiss_index.faiss'), 60);
    const failed = failedProbes(await driver.probe(kit.context(record, 4001))).join('\n');
    expect(failed).toContain('index loads');
    expect(failed).toContain('file faiss_index.faiss');
  });

  test('vectors that the application added after the restore fail no probe', async ({ kit, live }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    await writeStore(live, { vectors: 220 });
    expect(failedProbes(await driver.probe(kit.context(record, 4001)))).toEqual([]);
  });

  test('F2: vectors under ids of the application are proven, and stay so when more are added', async ({
    kit,
    live,
  }) => {
    const ids = (id: number): bigint => BigInt(id) * 7919n + 100_000n;
    await writeStore(live, { ids });
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    await rm(live, { recursive: true });
    expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
    await writeStore(live, { vectors: 220, ids });
    expect(failedProbes(await driver.probe(kit.context(record, 4001)))).toEqual([]);
    await writeStore(live, { ids: (id) => ids(id) + 1n });
    expect(failedProbes(await driver.probe(kit.context(record, 4001))).join()).toContain('neighbours of known queries');
  });

  test('an index that is not flat is proven with seeded queries', async ({ kit, live }) => {
    await writeStore(live, { factory: 'HNSW16' });
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    await rm(live, { recursive: true });
    expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
  });
});

describe('check', () => {
  test('doctor has a hint for a store that is not there, cannot be read or needs more memory', async ({
    live,
    folder,
  }) => {
    const wanting = async (driver: Driver) => (await driver.check()).filter(({ level }) => level !== 'ok');
    expect(await wanting(driverOf(join(folder, 'absent')))).toMatchObject([
      { level: 'fail', hint: expect.stringContaining('check the configured path') as string },
    ]);
    expect(await wanting(driverOf(join(live, 'metadata.json')))).toMatchObject([
      { level: 'fail', hint: 'configure the folder itself' },
    ]);
    const owner = 'run the worker as root or as the owner of the data';
    for (const path of [join(live, 'faiss_index.faiss'), join(live, 'metadata.json'), live]) {
      await chmod(path, 0);
      expect(await wanting(driverOf(live))).toContainEqual(expect.objectContaining({ level: 'fail', hint: owner }));
      await chmod(path, 0o700);
    }
    await growTo(join(live, 'faiss_index.faiss'), 8_000_000);
    expect(await wanting(driverOf(live))).toMatchObject([
      { level: 'fail', hint: expect.stringContaining('raise memoryLimit') as string },
    ]);
  });

  test('a good store is ok, a missing one a failure with a hint', async ({ live, folder }) => {
    expect(await driverOf(live).check()).toMatchObject([{ level: 'ok' }, { level: 'ok' }]);
    const [finding] = await driverOf(join(folder, 'absent')).check();
    expect(finding).toMatchObject({ level: 'fail', hint: expect.any(String) as string });
  });

  test('the estimate is the size of the folder', async ({ live }) => {
    const sizes = await Promise.all(
      ['faiss_index.faiss', 'faiss_index.pkl', 'metadata.json'].map(
        async (name) => (await stat(join(live, name))).size,
      ),
    );
    expect(await driverOf(live).estimate()).toEqual({ bytes: sizes.reduce((a, b) => a + b, 0) });
  });
});

/** A file of so many bytes that take no room on disk. */
async function truncateLike(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'w');
  await file.truncate(sizeBytes);
  await file.close();
}

/** Makes a flat index claim so many vectors and have their length: 512 MB that take no room on disk. */
async function growTo(path: string, vectors: number): Promise<void> {
  const file = await open(path, 'r+');
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(vectors));
  await file.write(count, 0, 8, 8);
  const values = Buffer.alloc(8);
  values.writeBigUInt64LE(BigInt(vectors * 16));
  await file.write(values, 0, 8, 37);
  await file.truncate(45 + vectors * 64);
  await file.close();
}
