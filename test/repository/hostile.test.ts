import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { initRepository } from '../../src/repository/init.ts';
import { backUp } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';
import { clashingIndexes, file, hostileIndexes, writeIndex } from './hostile-indexes.ts';

describe('hostile indexes', () => {
  for (const [what, entries] of hostileIndexes) {
    test(`X18: an entry that ${what} is ManifestInvalid before anything is written`, async ({ folder, storage }) => {
      const { repository } = await initRepository(storage, { mode: 'none' });
      const indexId = await writeIndex(storage, [file('first'), ...entries]);
      const into = join(folder, 'target');
      await expect(repository.materialize({ indexId, into })).rejects.toMatchObject({ code: 'ManifestInvalid' });
      expect(await readdir(folder)).toEqual(['repository']);
      await repository.close();
    });
  }

  for (const [what, entries] of clashingIndexes) {
    test(`X18: ${what} is ManifestInvalid, and the first is not overwritten`, async ({ folder, storage }) => {
      const { repository } = await initRepository(storage, { mode: 'none' });
      const indexId = await writeIndex(storage, entries);
      await expect(repository.materialize({ indexId, into: join(folder, 'target') })).rejects.toMatchObject({
        code: 'ManifestInvalid',
      });
      await repository.close();
    });
  }

  test('X18: a link or file that stands in the target folder already is never followed or overwritten', async ({
    folder,
    repository,
  }) => {
    const { record } = await backUp(repository, (writer) => writer.bytes('sub/file', Buffer.from('new')));
    await mkdir(join(folder, 'outside'));
    await mkdir(join(folder, 'linked'));
    await symlink(join(folder, 'outside'), join(folder, 'linked/sub'));
    await expect(
      repository.materialize({ indexId: record.indexId, into: join(folder, 'linked') }),
    ).rejects.toMatchObject({ code: 'ManifestInvalid' });
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
    await mkdir(join(folder, 'full/sub'), { recursive: true });
    await writeFile(join(folder, 'full/sub/file'), 'old');
    await expect(repository.materialize({ indexId: record.indexId, into: join(folder, 'full') })).rejects.toMatchObject(
      { code: 'ManifestInvalid' },
    );
  });

  test('a writer refuses paths that no reader would accept', async ({ repository }) => {
    for (const path of ['../x', '/x', '', 'a/./b']) {
      await expect(backUp(repository, (writer) => writer.bytes(path, Buffer.from('x')))).rejects.toMatchObject({
        code: 'ManifestInvalid',
      });
    }
  });

  test('an index id that names another object is refused', async ({ repository }) => {
    for (const indexId of ['../repository.json', 'x', '']) {
      await expect(repository.materialize({ indexId, into: '/nowhere' })).rejects.toMatchObject({
        code: 'ManifestInvalid',
      });
    }
  });

  test('one index cannot stand in the place of another', async ({ folder, storage }) => {
    const { repository } = await initRepository(storage, { mode: 'none' });
    const one = await writeIndex(storage, [file('a')]);
    const two = await writeIndex(storage, [file('b')]);
    await writeFile(join(folder, 'repository/indexes', two), Buffer.from(await storage.read(`indexes/${one}`)));
    await expect(repository.materialize({ indexId: two, into: join(folder, 'target') })).rejects.toMatchObject({
      code: 'ObjectCorrupt',
      message: expect.stringContaining(`holds index ${one}`) as string,
    });
    await repository.close();
  });
});
