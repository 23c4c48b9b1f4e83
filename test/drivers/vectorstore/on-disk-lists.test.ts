/** Indexes whose vectors lie in another file, which FAISS opens for reading and writing by the path that the index has. */
import { mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { createVectorstoreDriver } from '../../../src/drivers/vectorstore/driver.ts';
import { rebuildVectorstore } from '../../../src/drivers/vectorstore/rebuild.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { faults } from '../../support/doctored.ts';
import { benchTest } from '../folder/bench-test.ts';
import { failedProbes } from '../folder/restore-bench.ts';
import { configOf, writeStore } from './store.ts';

const test = benchTest.extend<{ live: string; isSettled: () => boolean }>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none.
  isSettled: async ({}, use) => use(() => true),
  live: async ({ folder }, use) => use(join(folder, 'vectorstore')),
});

const driverOf = (live: string) =>
  createVectorstoreDriver(configOf(live), {
    target: createProcessTarget(),
    stateDir: '/nowhere',
    secret: async () => undefined,
  });
const ids = (id: number): bigint => BigInt(id + 1000);

describe('lists that are not captured with their index are refused by backup, doctor and rebuild', () => {
  const places: Readonly<Record<string, (folder: string) => { file: string; name?: string }>> = {
    'outside of the component': (folder) => ({ file: join(folder, 'lists') }),
    'behind a link that leads out': (folder) => ({
      file: join(folder, 'lists'),
      name: join(folder, 'vectorstore', 'out'),
    }),
    'by a path of the working folder': (folder) => ({ file: join(folder, 'vectorstore', 'lists'), name: 'lists' }),
  };
  for (const [where, placeOf] of Object.entries(places))
    test(where, async ({ kit, folder, live }) => {
      const lists = placeOf(folder);
      // Below a wrapper, as an application's own ids are.
      await writeStore(live, { lists, ids });
      await symlink(join(folder, 'lists'), join(live, 'out'));
      const message = `the index \`${join(live, 'faiss_index.faiss')}\` keeps its vectors in \`${lists.name ?? lists.file}\``;
      const refusal = { code: 'Precondition', message: expect.stringContaining(message) as string };
      await expect(kit.capture(driverOf(live))).rejects.toMatchObject(refusal);
      expect(await driverOf(live).check()).toContainEqual(
        expect.objectContaining({
          level: 'fail',
          text: refusal.message,
          hint: expect.stringContaining(live) as string,
        }),
      );
      const rebuilding = configOf(live, { rebuild: { command: ['false'], timeoutSeconds: 30 } });
      const context = { since: new Date(), signal: new AbortController().signal };
      await expect(rebuildVectorstore(rebuilding, context, [])).rejects.toMatchObject(refusal);
    });
});

test('lists inside of the component are captured and compared; a staged index reads the staged ones', async ({
  kit,
  live,
}) => {
  const file = join(live, 'lists', 'a.ivfdata');
  await mkdir(join(live, 'lists'), { recursive: true });
  await writeStore(live, { lists: { file }, ids });
  const driver = driverOf(live);
  expect((await driver.check()).map(({ level }) => level)).not.toContain('fail');
  const record = await kit.capture(driver);
  expect(record).toMatchObject({ quiescence: 'stable-window', facts: { vectors: 200 } });
  expect(await faults(driver, kit.repository, record)).toEqual([]);
  // Nothing was written, so neither is it loaded again.
  expect((await kit.capture(driver, record)).facts).toEqual(record.facts);

  // What stands there now is neither read nor touched.
  const zeros = Buffer.alloc((await stat(file)).size);
  await writeFile(file, zeros);
  await driver.stage(kit.context(record, 1001));
  expect(failedProbes(await driver.validate(kit.context(record, 2001)))).toEqual([]);
  await driver.undo(kit.context(record, 9001));
  expect(await readFile(file)).toEqual(zeros);

  await rm(live, { recursive: true });
  expect(failedProbes(await kit.restore(driver, record, 'run-2'))).toEqual([]);
  const probes = await driver.probe(kit.context(record, 4001, 'run-2'));
  expect(failedProbes(probes)).toEqual([]);
  expect(probes.map(({ name }) => name)).toContain('file lists/a.ivfdata');

  // By its own name the index would be proven by what stands elsewhere.
  await rename(live, `${live}-elsewhere`);
  const moved = driverOf(`${live}-elsewhere`);
  await symlink(`${live}-elsewhere/lists`, join(`${live}-elsewhere`, 'other'));
  await mkdir(live);
  await rename(join(`${live}-elsewhere`, 'lists'), join(live, 'lists'));
  expect(failedProbes(await moved.probe(kit.context(record, 4001, 'run-3'))).join()).toContain(
    `index loads: loaded <> the index \`${live}-elsewhere/faiss_index.faiss\` keeps its vectors in \`${file}\``,
  );
  await rm(live, { recursive: true });
  await moved.stage(kit.context(record, 1001, 'run-3'));
  expect(failedProbes(await moved.validate(kit.context(record, 2001, 'run-3'))).join()).toContain('would not find it');
});
