import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { FileEntry, IndexEntry, OtherEntry } from '../../src/domain/entry.ts';
import { Sealer } from '../../src/repository/frame.ts';
import { IndexWriter } from '../../src/repository/index-object.ts';
import { initRepository } from '../../src/repository/init.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { backUp } from './backup.ts';
import { repositoryTest as test } from './fixture.ts';

const meta = { mode: 0o644, mtimeNs: '0', uid: 0, gid: 0 } as const;
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const file = (path: string, more: Partial<FileEntry> = {}): FileEntry => ({
  ...meta,
  path,
  type: 'file',
  size: 0,
  sha256: empty,
  blocks: [],
  ...more,
});
const other = (type: OtherEntry['type'], path: string, target?: string): OtherEntry => ({
  ...meta,
  path,
  type,
  ...(target !== undefined && { target }),
});
const block = (pack: number, offset: number): Partial<FileEntry> => ({
  size: 5,
  blocks: [[pack, offset, 100, empty, 5]],
});

/** Each index is well sealed: only what it says is hostile. */
const hostile: readonly (readonly [string, readonly IndexEntry[]])[] = [
  ['climbs out', [file('../escaped')]],
  ['climbs out in the middle', [file('a/../../escaped')]],
  ['is absolute', [file('/tmp/escaped')]],
  ['has an empty part', [file('a//b')]],
  ['has a zero byte', [file('a\0b')]],
  ['climbs out by its bytes', [file('fine', { pathBase64: Buffer.from('../escaped').toString('base64') })]],
  ['lies below a symbolic link that comes first', [other('symlink', 'd', '/tmp'), file('d/escaped')]],
  ['lies below a symbolic link that comes later', [file('d/escaped'), other('symlink', 'd', '/tmp')]],
  ['is a folder below a symbolic link', [other('symlink', 'd', '/tmp'), other('directory', 'd/sub')]],
  ['is a hard link that climbs out', [other('hardlink', 'h', '../../etc/passwd')]],
  ['is a hard link to an absolute path', [other('hardlink', 'h', '/etc/passwd')]],
  ['is a hard link to a symbolic link', [other('symlink', 's', '/etc/passwd'), other('hardlink', 'h', 's')]],
  ['names a pack that is not in the table', [file('f', block(3, 0))]],
  ['names bytes behind the end of a pack', [file('f', block(0, 1000))]],
  ['claims another size than its blocks', [file('f', { size: 7 })]],
  ['has an attribute that no backup carries', [file('f', { xattrs: { 'trusted.overlay.opaque': 'eQ==' } })]],
  ['has an attribute that brings a second line', [file('f', { xattrs: { 'user.a': 'AA==\nuser.b=0sAA==' } })]],
  ['has attributes that are none', [file('f', { xattrs: ['user.a'] as unknown as Record<string, string> })]],
  ['is a link with attributes', [{ ...other('symlink', 's', '/etc/passwd'), xattrs: { 'user.a': 'AA==' } }]],
];

describe('hostile indexes', () => {
  for (const [what, entries] of hostile) {
    test(`X18: an entry that ${what} is ManifestInvalid before anything is written`, async ({ folder, storage }) => {
      const { repository } = await initRepository(storage, { mode: 'none' });
      const indexId = await writeIndex(storage, [file('first'), ...entries]);
      const into = join(folder, 'target');
      await expect(repository.materialize({ indexId, into })).rejects.toMatchObject({ code: 'ManifestInvalid' });
      expect(await readdir(folder)).toEqual(['repository']);
      await repository.close();
    });
  }

  test('X18: a name that comes twice is ManifestInvalid, and the first is not overwritten', async ({
    folder,
    storage,
  }) => {
    const { repository } = await initRepository(storage, { mode: 'none' });
    const indexId = await writeIndex(storage, [file('a'), file('a')]);
    await expect(repository.materialize({ indexId, into: join(folder, 'target') })).rejects.toMatchObject({
      code: 'ManifestInvalid',
    });
    await repository.close();
  });

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

  test('frames of one index cannot stand in another, nor be left out', async ({ folder, storage }) => {
    const { repository } = await initRepository(storage, { mode: 'none' });
    const one = await writeIndex(storage, [file('a')]);
    const two = await writeIndex(storage, [file('b')]);
    await writeFile(join(folder, 'repository/indexes', two), Buffer.from(await storage.read(`indexes/${one}`)));
    await expect(repository.materialize({ indexId: two, into: join(folder, 'target') })).rejects.toMatchObject({
      code: 'ObjectCorrupt',
      message: expect.stringContaining(`holds a frame of index ${one}`) as string,
    });
    await repository.close();
  });
});

async function writeIndex(storage: Storage, entries: readonly IndexEntry[]): Promise<string> {
  const index = new IndexWriter(storage, new Sealer(undefined), 'files');
  for (const entry of entries) await index.add(entry);
  await storage.commit([await index.finish([{ id: 'f'.repeat(64), size: 200 }])]);
  return index.id;
}
