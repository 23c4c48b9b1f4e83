import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { forgetOldStates } from '../../src/dev/demo/old-states.ts';
import { folderTest as test } from '../support/folder-test.ts';

async function makeState(root: string, name: string): Promise<string> {
  const folder = join(root, name);
  await mkdir(join(folder, 'backups', 'proofs'), { recursive: true });
  await writeFile(join(folder, 'backups', 'proofs', '0001.json'), '{}');
  return folder;
}

async function forget(root: string): Promise<string[]> {
  const told: string[] = [];
  await forgetOldStates(root, 1, (text) => told.push(text));
  return told;
}

test('the newest states of demos stay, older ones go, what is no state is left alone', async ({ folder }) => {
  for (const name of ['20260101_000000', '20260102_000000', '20260103_000000', 'notes']) await makeState(folder, name);
  expect(await forget(folder)).toEqual(
    ['20260102_000000', '20260101_000000'].map((name) => `removed the state of an older demo: ${join(folder, name)}`),
  );
  expect((await readdir(folder)).toSorted()).toEqual(['20260103_000000', 'notes']);
});

test('an old state that cannot be removed, or cannot be asked, ends no demo: it is told in a line, others go', async ({
  folder,
}) => {
  const kept = await makeState(folder, '20260105_000000');
  const closed = await makeState(folder, '20260102_000000');
  const unreadable = await makeState(folder, '20260103_000000');
  await writeFile(join(unreadable, 'lifeboat.yaml'), 'appliance: x', { mode: 0o000 });
  await makeState(folder, '20260101_000000');
  const proofs = join(closed, 'backups', 'proofs');
  // As a folder of root is for anybody else.
  await chmod(proofs, 0o000);
  const told = await forget(folder);
  await chmod(proofs, 0o700);
  expect(told).toEqual([
    `an older demo stays in ${unreadable}: EACCES; remove it as its owner or as root`,
    `an older demo stays in ${closed}: EACCES; remove it as its owner or as root`,
    `removed the state of an older demo: ${join(folder, '20260101_000000')}`,
  ]);
  expect((await readdir(folder)).toSorted()).toEqual(['20260102_000000', '20260103_000000', '20260105_000000']);
  expect(await readdir(join(unreadable, 'backups', 'proofs'))).toEqual(['0001.json']);
  expect(await readdir(join(kept, 'backups', 'proofs'))).toEqual(['0001.json']);
});
