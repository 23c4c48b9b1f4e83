/** A component that is one folder: temporary files of others in it come and go, its own data may not. */
import { appendFileSync } from 'node:fs';
import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { captureEntries } from '../../../src/drivers/folder/capture-entries.ts';
import { Meanwhile } from '../../../src/drivers/folder/meanwhile.ts';
import { walkFolder } from '../../../src/drivers/folder/walk-folder.ts';
import { slabPlainBytes } from '../../../src/repository/threads/slab.ts';
import { afterLook } from '../../support/after-look.ts';
import { reserve } from '../../repository/backup.ts';
import { repositoryTest } from '../../repository/fixture.ts';

const test = repositoryTest.extend<{ live: string }>({
  live: async ({ folder }, use) => {
    const live = join(folder, 'live');
    await mkdir(live);
    await writeFile(join(live, 'data'), 'data');
    await use(live);
  },
});

async function walkWhile(live: string, name: string, change: (path: string) => Promise<unknown>) {
  const vanished: string[] = [];
  const path = join(live, name);
  const entries = await afterLook(new Map([[path, () => change(path)]]), () =>
    walkFolder(live, 'models', { vanished: (gone) => vanished.push(gone) }),
  );
  return { entries: entries.map(({ meta }) => meta.path), vanished };
}

for (const [what, make, change] of [
  ['a folder that is removed', (path) => mkdir(path), (path) => rm(path, { recursive: true })],
  ['a folder that becomes a file', (path) => mkdir(path), (path) => exchange(path, () => writeFile(path, 'x'))],
  ['a folder that becomes a link', (path) => mkdir(path), (path) => exchange(path, () => symlink('/', path))],
  ['a link that is removed', (path) => symlink('data', path), (path) => rm(path)],
  ['a link that becomes a file', (path) => symlink('data', path), (path) => exchange(path, () => writeFile(path, 'x'))],
] as readonly (readonly [string, (path: string) => Promise<unknown>, (path: string) => Promise<unknown>])[]) {
  test(`${what} while the folder is listed is told, and no part of it`, async ({ live }) => {
    await make(join(live, 'temporary'));
    const { entries, vanished } = await walkWhile(live, 'temporary', change);
    expect(entries).toEqual(['data']);
    expect(vanished).toEqual([join(live, 'temporary')]);
  });
}

async function exchange(path: string, make: () => Promise<unknown>): Promise<void> {
  await rm(path, { recursive: true });
  await make();
}

test('a folder that is not there is an empty source, not one of which everything vanished', async ({ live }) => {
  await expect(walkFolder(join(live, 'absent'), 'models')).rejects.toMatchObject({ code: 'SourceEmpty' });
});

test('what goes or changes while it is read is left out or kept as it was read, unless it is the data', async ({
  live,
  repository,
}) => {
  const growing = join(live, 'growing');
  await writeFile(growing, '');
  await truncate(growing, slabPlainBytes + 1);
  await writeFile(join(live, 'temporary'), 'x');
  const entries = await walkFolder(live, 'models');
  await rm(join(live, 'temporary'));
  const capture = async (...data: string[]) => {
    const meanwhile = new Meanwhile();
    const writer = await repository.writeComponent({
      backupId: await reserve(repository),
      componentId: 'models',
      blockSize: 1 << 20,
      onProgress: () => appendFileSync(growing, 'x'),
    });
    try {
      await captureEntries(writer, entries, { component: 'models', isData: (path) => data.includes(path), meanwhile });
      const { indexId } = await writer.finish();
      const paths: string[] = [];
      for await (const { path } of repository.readIndex(indexId)) paths.push(path);
      return { meanwhile, paths: paths.toSorted() };
    } finally {
      await writer.abandon();
    }
  };
  const { meanwhile, paths } = await capture('data');
  expect(paths).toEqual(['data', 'growing']);
  expect(meanwhile.facts).toEqual({ changedDuringRead: 1, vanishedDuringRead: 1 });
  expect(meanwhile.sealedFacts).toEqual({ changed: [growing], vanished: [join(live, 'temporary')] });
  expect(meanwhile.isStill).toBe(false);
  await expect(capture('growing')).rejects.toMatchObject({
    code: 'SourceChanged',
    message: `\`${growing}\` changed while it was read`,
  });
  await expect(capture('temporary')).rejects.toMatchObject({ code: 'SourceChanged' });
});
