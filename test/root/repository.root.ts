/** A command that root runs once on a repository of somebody else. */
import { chown, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { findOsUser } from '../../src/platform/process/os-user.ts';
import { initRepository } from '../../src/repository/init.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { backUp, testKey } from '../repository/backup.ts';
import { folderTest as test } from '../support/folder-test.ts';

const user = await findOsUser(process.env['LIFEBOAT_RUN_USER'] ?? 'lifeboat');

test('whatever root writes into a repository belongs to the owner of its folder, who can go on', async ({ folder }) => {
  const root = join(folder, 'repository');
  await mkdir(root, { mode: 0o700 });
  await chown(root, user.uid, user.gid);
  const { repository } = await initRepository(createLocalStorage(root), testKey);
  const { id } = await backUp(repository, (writer) => writer.bytes('file', Buffer.from('content')));
  await repository.putProof(id, { kind: 'verify', ok: true, state: 'verified' });
  await repository.putReport('verifyBackup', 'verifyBackup/a/1', { state: 'verified' });
  await repository.putReport('verifyBackup', 'verifyBackup/a/1', { state: 'failed' });
  await repository.close();
  const names = await readdir(root, { recursive: true });
  expect(names).toEqual(expect.arrayContaining([expect.stringMatching(/^proofs\/.*0001\.json$/), '.staging']));
  const foreign: string[] = [];
  for (const name of names) if ((await lstat(join(root, name))).uid !== user.uid) foreign.push(name);
  expect(foreign).toEqual([]);
});
