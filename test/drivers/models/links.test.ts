/** F1: what lies behind links. Refusals come before a model is loaded, so most cases cost nothing. */
import { link, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect } from 'vitest';
import { restoreNotes } from '../../../src/domain/capture-notes.ts';
import type { ComponentConfig, ModelsConfig } from '../../../src/domain/appliance.ts';
import { leftOutPath } from '../../../src/domain/entry.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { walkFolder } from '../../../src/drivers/folder/walk-folder.ts';
import { createModelsDriver } from '../../../src/drivers/models/driver.ts';
import { findModels } from '../../../src/drivers/models/find-models.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { writeTinyModel } from '../../inference/tiny-model.ts';
import { faults } from '../../support/doctored.ts';
import { benchTest } from '../folder/bench-test.ts';
import { failedProbes } from '../folder/restore-bench.ts';

interface Fixture {
  /** Live folder with one model. */
  live: string;
  /** Another disk, as far as links are concerned. */
  disk: string;
}

const test = benchTest.extend<Fixture>({
  live: async ({ folder }, use) => {
    const live = join(folder, 'models');
    await mkdir(live);
    await writeTinyModel(join(live, 'tiny.gguf'));
    await use(live);
  },
  disk: async ({ folder }, use) => {
    const disk = join(folder, 'disk');
    await mkdir(join(disk, 'llama', 'deep'), { recursive: true });
    await use(disk);
  },
});

function configOf(path: string, id = 'models'): ModelsConfig {
  return {
    id,
    kind: 'models',
    host: 'main',
    tier: 'critical',
    priority: 2,
    services: [],
    path,
    memoryLimit: 256 * 2 ** 20,
  };
}

function driverOf(path: string, others: readonly ComponentConfig[] = []): Driver {
  return createModelsDriver(configOf(path), {
    target: createProcessTarget(),
    stateDir: '/nowhere',
    secret: async () => undefined,
    others,
  });
}

interface Hiding {
  /** Makes what leads out; gives the link and where it leads. */
  readonly make: (live: string, disk: string) => Promise<readonly [link: string, target: string]>;
  readonly isMissing?: true;
}

/** Each beside a real model, which alone would make a recovery point that looks whole. */
const hiding: Readonly<Record<string, Hiding>> = {
  'a folder of models is a link to another disk': {
    make: async (live, disk) => {
      await writeTinyModel(join(disk, 'llama', 'deep', 'big.gguf'));
      await symlink(join(disk, 'llama'), join(live, 'llama'));
      return [join(live, 'llama'), join(disk, 'llama')];
    },
  },
  'a chain of links, relative and deep, ends in a folder outside': {
    make: async (live, disk) => {
      await writeTinyModel(join(disk, 'llama', 'big.gguf'));
      await mkdir(join(live, 'a', 'b'), { recursive: true });
      await symlink(join(disk, 'llama'), join(disk, 'current'));
      await symlink('../../../disk/current', join(live, 'a', 'b', 'llama'));
      return [join(live, 'a', 'b', 'llama'), join(disk, 'llama')];
    },
  },
  'a folder outside leads on to the models, and back to itself': {
    make: async (live, disk) => {
      await mkdir(join(disk, 'store'));
      await writeTinyModel(join(disk, 'store', 'big.gguf'));
      await symlink('../../store', join(disk, 'llama', 'deep', 'models'));
      await symlink('..', join(disk, 'llama', 'deep', 'up'));
      await symlink(join(disk, 'llama'), join(live, 'llama'));
      return [join(live, 'llama'), join(disk, 'llama')];
    },
  },
  'the blobs of a cache lie outside, under names without an ending': {
    make: async (live, disk) => {
      await writeTinyModel(join(disk, 'llama', 'c0ffee'));
      await symlink(join(disk, 'llama'), join(live, 'blobs'));
      return [join(live, 'blobs'), join(disk, 'llama')];
    },
  },
  'a model outside has another name': {
    make: async (live, disk) => {
      await writeTinyModel(join(disk, 'c0ffee'));
      await symlink(join(disk, 'c0ffee'), join(live, 'weights'));
      return [join(live, 'weights'), join(disk, 'c0ffee')];
    },
  },
  'a part of a model is a link to another disk': {
    make: async (live, disk) => {
      await writeFile(join(disk, 'part'), 'not even a model');
      await symlink(join(disk, 'part'), join(live, 'big-00002-of-00002.gguf'));
      return [join(live, 'big-00002-of-00002.gguf'), join(disk, 'part')];
    },
  },
  'what a restore put aside in the folder is no part of a capture': {
    make: async (live) => {
      const aside = join(live, '.lifeboat-models-aside-0123456789');
      await mkdir(aside);
      await writeTinyModel(join(aside, 'old.gguf'));
      await symlink(join(basename(aside), 'old.gguf'), join(live, 'old.gguf'));
      return [join(live, 'old.gguf'), join(aside, 'old.gguf')];
    },
  },
  'the disk of a model is not mounted': {
    make: async (live, disk) => {
      await symlink('later.gguf', join(live, 'current.gguf'));
      await symlink(join(disk, 'gone.gguf'), join(live, 'later.gguf'));
      return [join(live, 'current.gguf'), join(disk, 'gone.gguf')];
    },
    isMissing: true,
  },
  'a model leads in a circle': {
    make: async (live) => {
      await symlink('round.gguf', join(live, 'round.gguf'));
      return [join(live, 'round.gguf'), join(live, 'round.gguf')];
    },
    isMissing: true,
  },
};

describe('a link that hides a model is refused by backup and doctor, with its target and what to do', () => {
  for (const [situation, { make, isMissing }] of Object.entries(hiding)) {
    test(situation, async ({ kit, live, disk }) => {
      const [from, to] = await make(live, disk);
      await expect(kit.capture(driverOf(live))).rejects.toMatchObject({
        code: 'Precondition',
        component: 'models',
        message: expect.stringContaining(`the link \`${from}\` leads to \`${to}\``) as string,
        hint: expect.stringContaining(isMissing ? 'bring back what it leads to' : 'of kind `models`') as string,
      });
    });
  }

  test('doctor names each of several, the backup counts them', async ({ kit, live, disk }) => {
    await writeTinyModel(join(disk, 'llama', 'big.gguf'));
    await symlink(join(disk, 'llama'), join(live, 'a'));
    for (const name of ['b.gguf', 'c.gguf']) await symlink(join(disk, name), join(live, name));
    const driver = driverOf(live);
    await expect(kit.capture(driver)).rejects.toThrow('so it is with 2 other links, which doctor names');
    const found = (await driver.check()).filter(({ level }) => level === 'fail');
    expect(found).toEqual(
      ['a', 'b.gguf', 'c.gguf'].map((name) => ({
        name: 'models: links',
        level: 'fail',
        text: expect.stringContaining(`the link \`${join(live, name)}\` leads to \`${disk}/`) as string,
        hint: expect.any(String) as string,
      })),
    );
  });
});

test('what another component backs up is not lost, unless it leaves that out', async ({ kit, live, disk }) => {
  await writeTinyModel(join(disk, 'llama', 'big.gguf'));
  await symlink(join(disk, 'llama'), join(live, 'llama'));
  await symlink(join(disk, 'llama', 'big.gguf'), join(live, 'big.gguf'));
  // By a path that is a link itself.
  await symlink(disk, `${disk}-by-another-name`);
  const entries = await walkFolder(live, 'models');
  const hidden = async (other: ComponentConfig) => (await findModels(configOf(live), entries, [other])).links.faults;
  const more = configOf(join(`${disk}-by-another-name`, 'llama'), 'more-models');
  expect(await hidden(more)).toEqual([]);
  const { memoryLimit: _, ...common } = configOf(disk);
  const files = { ...common, id: 'files', kind: 'files', paths: [disk], exclude: [] } as const;
  expect(await hidden(files)).toEqual([]);
  expect(await hidden({ ...files, exclude: ['llama'] })).toHaveLength(2);
  const record = await kit.capture(driverOf(live, [more]));
  expect(record.facts).not.toHaveProperty('leftOut');
});

test('links that hide no model stay links; that what they lead to is missing is counted, named and told', async ({
  kit,
  live,
  disk,
}) => {
  await writeFile(join(disk, 'llama', 'README'), 'no model\n');
  await symlink(join(disk, 'llama'), join(live, 'documents'));
  await symlink(join(disk, 'not-mounted'), join(live, 'more'));
  await symlink('absent', join(live, 'inside'));
  await symlink('/dev/null', join(live, 'nothing'));
  const driver = driverOf(live);
  const record = await kit.capture(driver);
  expect(record.facts).toMatchObject({ leftOut: { 'outside link target': 1, 'missing link target': 1 } });
  expect(restoreNotes(record.facts)).toEqual([
    '1 outside link target, 1 missing link target did not go into the recovery point and will not come back',
  ]);
  const named = Buffer.from((await kit.repository.readFile(record.indexId, leftOutPath)) ?? []).toString();
  expect(named).toContain(join(live, 'documents'));
  expect((await driver.check()).filter(({ level }) => level !== 'ok')).toMatchObject([
    { name: 'models: links', text: expect.stringContaining(join(disk, 'not-mounted')) as string },
  ]);
  expect(await faults(driver, kit.repository, record)).toEqual([]);
  await rm(live, { recursive: true });
  expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
});

test('links that stay inside are followed by any way, and come back as links; a second name is a file', async ({
  kit,
  live,
  folder,
}) => {
  // The component's own path is a link, too.
  await rename(live, `${live}-real`);
  await symlink(`${live}-real`, live);
  await mkdir(join(live, 'blobs'));
  await writeTinyModel(join(live, 'blobs', 'c0ffee'), { seed: 2 });
  await link(join(live, 'blobs', 'c0ffee'), join(folder, 'second-name'));
  await symlink('blobs', join(live, 'store'));
  // By the parent, by an absolute link in between, and by a folder that is a link.
  await symlink(join(live, 'store', 'c0ffee'), join(live, 'blobs', 'latest'));
  await symlink(`../${basename(live)}-real/blobs/latest`, join(live, 'cached.gguf'));
  const driver = driverOf(live);
  const record = await kit.capture(driver);
  expect(record.facts).toEqual({ models: 2, architectures: ['bert'], attributes: 0 });
  expect(await faults(driver, kit.repository, record)).toEqual([]);
  await rm(`${live}-real`, { recursive: true });
  expect(failedProbes(await kit.restore(driver, record))).toEqual([]);
  expect(failedProbes(await driver.probe(kit.context(record, 4001)))).toEqual([]);
});
