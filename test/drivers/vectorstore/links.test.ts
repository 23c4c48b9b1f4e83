/** F1: what lies behind links of a vector store. Refusals come before an index is loaded. */
import { mkdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Driver } from '../../../src/drivers/driver.ts';
import { createVectorstoreDriver } from '../../../src/drivers/vectorstore/driver.ts';
import { keepStore } from '../../../src/drivers/vectorstore/keep-store.ts';
import { rebuildVectorstore } from '../../../src/drivers/vectorstore/rebuild.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { doctored, faults } from '../../support/doctored.ts';
import { benchTest } from '../folder/bench-test.ts';
import { failedProbes } from '../folder/restore-bench.ts';
import { configOf, writeStore } from './store.ts';

interface Fixture {
  /** Live folder with one store in `main`. */
  live: string;
  /** Another disk, as far as links are concerned. */
  disk: string;
}

const test = benchTest.extend<Fixture>({
  live: async ({ folder }, use) => {
    const live = join(folder, 'vectorstore');
    await writeStore(join(live, 'main'));
    await use(live);
  },
  disk: async ({ folder }, use) => {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    await use(disk);
  },
});

function driverOf(live: string): Driver {
  return createVectorstoreDriver(configOf(live), {
    target: createProcessTarget(),
    stateDir: '/nowhere',
    secret: async () => undefined,
  });
}

/** Each beside a store that is whole; gives the links. */
const hiding: Readonly<Record<string, (live: string, disk: string) => Promise<readonly string[]>>> = {
  'a folder with a store is a link to another disk': async (live, disk) => {
    await writeStore(join(disk, 'deep', 'other'));
    await symlink(disk, join(live, 'other'));
    return ['other'];
  },
  'the files of a store are links to another disk': async (live, disk) => {
    await writeStore(disk);
    await mkdir(join(live, 'other'));
    const names = ['faiss_index.faiss', 'faiss_index.pkl', 'metadata.json'].map((name) => join('other', name));
    for (const name of names) await symlink(join('..', '..', 'disk', name.slice('other/'.length)), join(live, name));
    return names;
  },
  'the index of a store lies on a disk that is not mounted': async (live, disk) => {
    await rm(join(live, 'main', 'faiss_index.faiss'));
    await symlink(join(disk, 'faiss_index.faiss'), join(live, 'main', 'faiss_index.faiss'));
    return [join('main', 'faiss_index.faiss')];
  },
  'an index of another name is a link to another disk': async (live, disk) => {
    await writeStore(disk);
    await symlink(join(disk, 'faiss_index.faiss'), join(live, 'archive'));
    return ['archive'];
  },
};

describe('a link that hides a store is refused by backup and doctor, with its target and what to do', () => {
  for (const [situation, make] of Object.entries(hiding)) {
    test(situation, async ({ kit, live, disk }) => {
      const links = await make(live, disk);
      const driver = driverOf(live);
      const leads = (name: string) =>
        expect.stringContaining(`the link \`${join(live, name)}\` leads to \`${disk}`) as string;
      await expect(kit.capture(driver)).rejects.toMatchObject({
        code: 'Precondition',
        component: 'vectorstore',
        message: leads(links[0]!),
      });
      const found = (await driver.check()).filter(({ level }) => level === 'fail');
      expect(found).toEqual(
        links.map((name) => ({
          name: 'vectorstore: links',
          level: 'fail',
          text: leads(name),
          hint: expect.any(String) as string,
        })),
      );
    });
  }
});

test('a link that is turned away between the quiet window and the read is refused', async ({ kit, live, disk }) => {
  await writeStore(join(disk, 'other'));
  const driver = driverOf(live);
  const turning: Driver = {
    ...driver,
    capture: async (context) =>
      driver.capture({
        ...context,
        onProgress: (state) => {
          if (state.phase === 'checking the index') turned = symlink(join(disk, 'other'), join(live, 'other'));
          context.onProgress(state);
        },
      }),
  };
  let turned = Promise.resolve();
  await expect(kit.capture(turning)).rejects.toThrow(`the link \`${join(live, 'other')}\` leads to`);
  await turned;
});

test('a store whose files are links to blobs of the folder is proven like any other, and comes back as links', async ({
  kit,
  live,
}) => {
  await mkdir(join(live, 'blobs'));
  const [index, pickle, metadata] = ['faiss_index.faiss', 'faiss_index.pkl', 'metadata.json'].map((name) =>
    join(live, 'main', name),
  ) as [string, string, string];
  await rename(index, join(live, 'blobs', 'c0ffee'));
  // An absolute text: seen from a staged folder it leads to the live one, or nowhere.
  await symlink(join(live, 'blobs', 'c0ffee'), index);
  await rename(pickle, join(live, 'blobs', 'f00d'));
  await symlink('../blobs/f00d', pickle);
  await rename(metadata, join(live, 'blobs', 'metadata'));
  await symlink(join(live, 'blobs', 'metadata'), metadata);
  // Another name of the same store is no further one.
  await symlink('main', join(live, 'by-folder'));
  await writeStore(join(live, 'second'), { vectors: 20 });
  await mkdir(join(live, 'by-files'));
  for (const name of ['faiss_index.faiss', 'faiss_index.pkl', 'metadata.json'])
    await symlink(join('..', 'second', name), join(live, 'by-files', name));
  const driver = driverOf(live);
  const record = await kit.capture(driver);
  expect(record.facts).toMatchObject({ stores: 2, vectors: 220 });
  expect(record.facts).not.toHaveProperty('leftOut');
  expect(await faults(driver, kit.repository, record)).toEqual([]);
  const cut = { 'blobs/c0ffee': (whole: Buffer) => whole.subarray(0, -1000) };
  expect((await faults(driver, kit.repository, await doctored(kit.repository, record, cut))).join()).toContain(
    'file `blobs/c0ffee`',
  );
  // A point of an older version does not say where the folder lay, by which an absolute text is understood.
  const older = (facts: Buffer) => Buffer.from(JSON.stringify({ ...JSON.parse(facts.toString()), place: undefined }));
  const turned = (facts: Buffer) => Buffer.from(facts.toString().replace('blobs/f00d', 'blobs/metadata'));
  const faultsOf = async (change: (facts: Buffer) => Buffer) =>
    faults(driver, kit.repository, await doctored(kit.repository, record, { '.lifeboat/facts.json': change }));
  expect(await faultsOf(older)).toEqual([]);
  expect((await faultsOf(turned)).join()).toContain('link `main/faiss_index.pkl`');
  // Neither a file nor its times change where the folder above it is renamed.
  await rename(join(live, 'second'), join(live, 'third'));
  await rm(join(live, 'by-files'), { recursive: true });
  const renamed = await kit.capture(driver, record);
  await rm(live, { recursive: true });
  expect(failedProbes(await kit.restore(driver, renamed, 'run-2'))).toEqual([]);
  expect(failedProbes(await kit.restore(driver, record, 'run-3'))).toEqual([]);
  expect(await readlink(index)).toBe(join(live, 'blobs', 'c0ffee'));
  expect(await readlink(pickle)).toBe('../blobs/f00d');
  expect(failedProbes(await driver.probe(kit.context(record, 4001, 'run-3')))).toEqual([]);
  await rm(join(live, 'blobs', 'f00d'));
  expect(failedProbes(await driver.probe(kit.context(record, 4002, 'run-3'))).join()).toContain('file blobs/f00d');
});

test('before a rebuild nothing outside is overwritten, and the copy of the store leads to itself', async ({
  live,
  disk,
}) => {
  await symlink('main', join(live, 'current'));
  const kept = await keepStore(configOf(live), new Date());
  expect(await readlink(join(kept ?? '', 'current'))).toBe('main');
  await writeStore(join(disk, 'other'));
  await symlink(join(disk, 'other'), join(live, 'other'));
  const before = await readFile(join(disk, 'other', 'metadata.json'), 'utf8');
  const command = ['sh', '-c', `echo {} > '${join(disk, 'other', 'metadata.json')}'`];
  const config = configOf(live, { rebuild: { command, timeoutSeconds: 30 } });
  const signal = new AbortController().signal;
  await expect(rebuildVectorstore(config, { since: new Date(), signal }, [])).rejects.toMatchObject({
    code: 'Precondition',
    message: expect.stringContaining(`leads to \`${join(disk, 'other')}\``) as string,
  });
  expect(await readFile(join(disk, 'other', 'metadata.json'), 'utf8')).toBe(before);
});
