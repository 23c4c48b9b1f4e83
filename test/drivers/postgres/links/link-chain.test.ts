import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { followLinks } from '../../../../src/drivers/postgres/links/link-chain.ts';
import { folderTest as test } from '../../../support/folder-test.ts';

test('links are followed at every name of a path, and planned ones where nothing stands', async ({ folder }) => {
  await mkdir(join(folder, 'archive'));
  await writeFile(join(folder, 'archive', 'cert1.pem'), '');
  await symlink('archive', join(folder, 'live'));
  await symlink('../archive/cert1.pem', join(folder, 'archive', 'cert.pem'));
  const links = [
    { path: join(folder, 'live'), target: 'archive' },
    { path: join(folder, 'archive', 'cert.pem'), target: '../archive/cert1.pem' },
  ];
  const chain = {
    end: join(folder, 'archive', 'cert1.pem'),
    links,
    became: [join(folder, 'archive', 'cert.pem'), join(folder, 'archive', 'cert1.pem')],
  };
  expect(await followLinks(join(folder, 'live', 'cert.pem'))).toEqual(chain);
  await rm(join(folder, 'live'));
  await rm(join(folder, 'archive'), { recursive: true });
  expect(await followLinks(join(folder, 'live', 'cert.pem'), links)).toEqual(chain);
  expect(await followLinks(join(folder, 'live', 'cert.pem'))).toMatchObject({ links: [] });
});

test('a loop leads nowhere', async ({ folder }) => {
  await symlink('b', join(folder, 'a'));
  await symlink('a', join(folder, 'b'));
  expect(await followLinks(join(folder, 'a'))).toBeUndefined();
});
