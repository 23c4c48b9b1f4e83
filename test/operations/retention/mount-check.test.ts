import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseConfiguration } from '../../../src/config/load.ts';
import { measureExposure, storeExposure } from '../../../src/operations/rpo/location-coverage.ts';
import { requireMounted } from '../../../src/operations/retention/mount-check.ts';
import { createLocalStorage } from '../../../src/storage/local/local-storage.ts';
import { backUp } from '../../repository/backup.ts';
import { repositoryTest as test } from '../../repository/fixture.ts';

test('X1: a folder that held a copy and is empty is a disk that is not mounted, and is not filled', async ({
  repository,
  folder,
  open,
}) => {
  const path = join(folder, 'vault');
  const { appliance } = parseConfiguration(
    `appliance: shop
repository: {path: /b, encryption: none}
locations:
  vault: {kind: local, path: ${path}, offHost: true}
  nas: {kind: ssh, hostname: nas, user: b, keyFile: /k, hostKey: 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', path: /b}
components: {files: {kind: files, paths: [/etc/x]}}
`,
    'f',
  );
  const place = createLocalStorage(path);
  const look = async (location: string): Promise<void> => requireMounted(repository, appliance, location, place);
  await backUp(repository, async (writer) => writer.bytes('a', Buffer.from('x')));
  await look('vault');
  await repository.replicateTo(place, { owner: 'test' });
  for (const name of ['vault', 'nas'])
    await storeExposure(repository, await measureExposure(async () => open(place), appliance, name, new Date()));
  await look('vault');
  await rm(path, { recursive: true });
  await mkdir(path);
  await expect(look('vault')).rejects.toMatchObject({
    code: 'RepositoryMissing',
    message: expect.stringMatching(/^location vault held a copy at .* is empty now: is its disk mounted\?$/) as string,
  });
  // A server that answers and has nothing was emptied.
  await look('nas');
});
