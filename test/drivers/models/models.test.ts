import { describe, expect } from 'vitest';
import {
  chmod,
  mkdir,
  open,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { Driver } from '../../../src/drivers/driver.ts';
import { createModelsDriver } from '../../../src/drivers/models/driver.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { writeTinyModel } from '../../inference/tiny-model.ts';
import { afterLook } from '../../support/after-look.ts';
import { faults } from '../../support/doctored.ts';
import { enlarged } from '../../contracts/enlarged.ts';
import { benchTest } from '../folder/bench-test.ts';
import { failedProbes } from '../folder/restore-bench.ts';

interface Fixture {
  /** Live folder with one model below a folder of its own, and a note beside it. */
  live: string;
}

const test = benchTest.extend<Fixture>({
  live: async ({ folder }, use) => {
    const live = join(folder, 'models');
    await mkdir(join(live, 'embedding'), { recursive: true });
    await writeTinyModel(join(live, 'embedding', 'tiny.gguf'));
    await writeFile(join(live, 'README'), 'models of the test\n');
    await use(live);
  },
});

function driverOf(path: string, memoryLimit = 256 * 2 ** 20): Driver {
  const config = {
    id: 'models',
    kind: 'models',
    host: 'main',
    tier: 'critical',
    priority: 2,
    services: [],
    path,
    memoryLimit,
  } as const;
  return createModelsDriver(config, {
    target: createProcessTarget(),
    stateDir: '/nowhere',
    secret: async () => undefined,
  });
}

describe('capture', () => {
  test('X11: models are loaded and captured with what lies beside them', async ({ kit, live }) => {
    const record = await kit.capture(driverOf(live));
    expect(record.facts).toEqual({ models: 1, architectures: ['bert'], attributes: 0 });
    // The model, the note and the sealed facts.
    expect(record.files).toBe(3);
  });

  test("another program's file that goes while it is read is left out and told; a model that goes is tried again", async ({
    kit,
    live,
  }) => {
    const driver = { ...driverOf(live), estimate: async () => ({ bytes: 0 }) };
    const whileGoing = async (path: string) => afterLook(new Map([[path, () => rm(path)]]), () => kit.capture(driver));
    await writeFile(join(live, 'download.part'), 'x');
    expect(await whileGoing(join(live, 'download.part'))).toMatchObject({
      quiescence: 'unproven',
      facts: { models: 1, vanishedDuringRead: 1 },
    });
    await expect(whileGoing(join(live, 'embedding', 'tiny.gguf'))).rejects.toMatchObject({ code: 'SourceChanged' });
  });

  test('a folder without a model, or none, is a failed backup', async ({ kit, live, folder }) => {
    await rm(join(live, 'embedding', 'tiny.gguf'));
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({ code: 'SourceEmpty', component: 'models' });
    await expect(kit.capture(driverOf(join(folder, 'absent')))).rejects.toMatchObject({ code: 'SourceEmpty' });
  });

  test('a link that leads out of the folder is refused: its bytes would be missing', async ({ kit, live, folder }) => {
    await rename(join(live, 'embedding', 'tiny.gguf'), join(folder, 'elsewhere.gguf'));
    await symlink(join(folder, 'elsewhere.gguf'), join(live, 'embedding', 'tiny.gguf'));
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({
      code: 'Precondition',
      message: expect.stringContaining(
        `leads to \`${join(folder, 'elsewhere.gguf')}\`, outside of \`${live}\``,
      ) as string,
    });
  });

  test('a link inside of the folder is kept as a link', async ({ kit, live }) => {
    await symlink('embedding/tiny.gguf', join(live, 'current.gguf'));
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    await rm(live, { recursive: true });
    await kit.restore(driver, record);
    expect(await readlink(join(live, 'current.gguf'))).toBe('embedding/tiny.gguf');
  });

  test('F1: a model whose name is a link to a blob is checked like any other, and comes back as a link', async ({
    kit,
    live,
  }) => {
    // The layout of a model cache, beside a real model.
    await mkdir(join(live, 'blobs'));
    await mkdir(join(live, 'snapshots', 'main'), { recursive: true });
    await writeTinyModel(join(live, 'blobs', 'c0ffee'));
    await symlink('../../blobs/c0ffee', join(live, 'snapshots', 'main', 'cached.gguf'));
    // Absolute, to a blob of its own.
    await writeTinyModel(join(live, 'blobs', 'f00d'));
    await symlink(join(live, 'blobs', 'f00d'), join(live, 'absolute.gguf'));
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    expect(record.facts).toMatchObject({ models: 3 });
    expect(await faults(driver, kit.repository, record)).toEqual([]);
    await rm(live, { recursive: true });
    expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
    expect(await readlink(join(live, 'snapshots', 'main', 'cached.gguf'))).toBe('../../blobs/c0ffee');

    await truncate(join(live, 'blobs', 'c0ffee'), 900);
    await expect(kit.capture(driver)).rejects.toMatchObject({
      code: 'SourceCorrupt',
      message: expect.stringContaining('cached.gguf') as string,
    });
    expect((await driver.check()).filter(({ level }) => level === 'fail')).toMatchObject([
      { text: expect.stringContaining('cached.gguf') as string },
    ]);
  });

  test('a model whose download broke off is a corrupt source, with both sizes', async ({ kit, live }) => {
    const path = join(live, 'embedding', 'tiny.gguf');
    const { size } = await stat(path);
    await truncate(path, size - 500);
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({
      code: 'SourceCorrupt',
      message: expect.stringContaining(`${size - 500} bytes, its tensor table needs ${size}`) as string,
    });
  });

  test('a model of a GGUF version that is not known is refused with its version', async ({ kit, live }) => {
    const file = await open(join(live, 'embedding', 'tiny.gguf'), 'r+');
    await file.write(Buffer.from([4, 0, 0, 0]), 0, 4, 4);
    await file.close();
    await expect(kit.capture(driverOf(live))).rejects.toMatchObject({
      code: 'SourceCorrupt',
      message: expect.stringContaining('GGUF version 4 is not 2 or 3') as string,
    });
  });

  test('a model above the memory limit ends its own process only', async ({ kit, live }) => {
    await expect(kit.capture(driverOf(live, 2 ** 20))).rejects.toMatchObject({
      code: 'EngineFailed',
      message: expect.stringContaining('its memory limit is 1 MiB') as string,
    });
  });
});

describe('restore', () => {
  test('D3.11: after the loss of the folder the models are back and answer', async ({ kit, live }) => {
    const driver = driverOf(live);
    const path = join(live, 'embedding', 'tiny.gguf');
    await chmod(path, 0o640);
    const bytes = await readFile(path);
    const record = await kit.capture(driver);
    await rm(live, { recursive: true });
    expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o640);

    const probes = await driver.probe(kit.context(record, 4001));
    expect(failedProbes(probes)).toEqual([]);
    expect(probes.map(({ name }) => name)).toEqual([
      'file README',
      'file embedding/tiny.gguf',
      'model embedding/tiny.gguf answers',
    ]);
  });

  test('a model that answered at validation is loaded again at the probe only where its bytes differ, or in another process', async ({
    kit,
    live,
  }) => {
    const driver = driverOf(live);
    const path = join(live, 'embedding', 'tiny.gguf');
    const record = await kit.capture(driver);
    const answerOf = async (asked = driver): Promise<string | undefined> => {
      const probes = await asked.probe(kit.context(record, 4001));
      return probes.find(({ name }) => name.endsWith('answers'))?.actual;
    };
    await kit.restore(driver, record);
    expect(await answerOf()).toBe('bert gives an embedding or a token, at validation of the same bytes');
    expect(await answerOf(driverOf(live))).toBe('bert gives an embedding or a token');
    await writeTinyModel(path, { seed: 2 });
    expect(await answerOf()).toBe('bert gives an embedding or a token');
    await truncate(path, 4000);
    expect(await answerOf()).not.toContain('an embedding');
  });

  test('another model under the same name is found, and undo brings it back', async ({ kit, live }) => {
    const driver = driverOf(live);
    const path = join(live, 'embedding', 'tiny.gguf');
    const record = await kit.capture(driver);
    await writeTinyModel(path, { seed: 2 });
    const other = await readFile(path);
    expect(failedProbes(await driver.probe(kit.context(record, 4001))).join()).toContain('of other content');
    await kit.restore(driver, record);
    expect(failedProbes(await driver.probe(kit.context(record, 4002)))).toEqual([]);
    await driver.undo(kit.context(record, 9001));
    expect((await readFile(path)).equals(other)).toBe(true);
  });

  test('D6.1: --replace-damaged deletes only models that fail their own check, and only where two copies do not fit', async ({
    kit,
    live,
  }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    // Both sizes are claimed, not written: no disk has room for two such copies, and one such copy is live.
    const huge = await open(join(live, 'huge'), 'w');
    await huge.truncate(2 ** 42);
    await huge.close();
    const context = {
      ...kit.context(record, 1001),
      repository: enlarged(kit.repository, 2 ** 40),
      replaceDamaged: true,
    };
    await expect(driver.stage(context)).rejects.toMatchObject({
      code: 'Precondition',
      message: `nothing is proven to be wrong with \`${live}\``,
    });
    await truncate(join(live, 'embedding', 'tiny.gguf'), 4000);
    await driver.stage(context);
    await expect(stat(live)).rejects.toThrow('ENOENT');
    await driver.swap(kit.context(record, 3001));
    expect(failedProbes(await driver.probe(kit.context(record, 4001)))).toEqual([]);
  });

  test('an absent or damaged model is a failed probe, not an exception', async ({ kit, live }) => {
    const driver = driverOf(live);
    const record = await kit.capture(driver);
    await truncate(join(live, 'embedding', 'tiny.gguf'), 100);
    await rm(join(live, 'README'));
    expect(failedProbes(await driver.probe(kit.context(record, 4001)))).toHaveLength(3);
  });
});

test('doctor names a truncated model and stays quiet about good ones', async ({ live }) => {
  expect(await driverOf(live).check()).toMatchObject([{ level: 'ok' }, { level: 'ok' }]);
  await truncate(join(live, 'embedding', 'tiny.gguf'), 4000);
  expect(await driverOf(live).check()).toMatchObject([
    { level: 'fail', text: expect.stringContaining('tiny.gguf') as string },
    { level: 'ok' },
  ]);
});

test('doctor has a hint for a folder that is not there, holds no model, or cannot be read', async ({
  live,
  folder,
}) => {
  const wanting = async (path: string) => (await driverOf(path).check()).filter(({ level }) => level !== 'ok');
  expect(await wanting(join(folder, 'absent'))).toMatchObject([
    { level: 'fail', hint: expect.stringContaining('check the configured path') as string },
  ]);
  const owner = 'run the worker as root or as the owner of the data';
  for (const path of [join(live, 'embedding', 'tiny.gguf'), live]) {
    await chmod(path, 0);
    expect(await wanting(live)).toMatchObject([{ level: 'fail', hint: owner }]);
    await chmod(path, 0o700);
  }
  await rm(join(live, 'embedding'), { recursive: true });
  expect(await wanting(live)).toMatchObject([{ level: 'fail', hint: 'check `path` of the component `models`' }]);
});
