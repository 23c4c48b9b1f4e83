/** A folder, a storage and a repository in it, and repositories that are closed after the test. */
import { join } from 'node:path';
import { test } from 'vitest';
import { initRepository } from '../../src/repository/init.ts';
import type { KeySource } from '../../src/repository/keys.ts';
import { openRepository } from '../../src/repository/open.ts';
import type { OpenOptions } from '../../src/repository/open.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { memoryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { testKey } from './backup.ts';

interface Fixtures {
  folder: string;
  /** Opens repositories that are closed after the test. */
  open: (storage: Storage, source?: KeySource, options?: OpenOptions) => Promise<Repository>;
  storage: Storage;
  /** Encrypted, in `storage`. */
  repository: Repository;
  /** Made in `storage` in its place: for it files need not have lain there for a minute to be known again by their times. */
  settledRepository: Repository;
}

/* oxlint-disable no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none. */
export const repositoryTest = test.extend<Fixtures>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder('repo', memoryFolder());
    try {
      await use(folder.path);
    } finally {
      await folder.remove();
    }
  },
  open: async ({}, use) => {
    const opened: Repository[] = [];
    await use(async (storage, source = testKey, options = {}) => {
      const repository = await openRepository(storage, source, options);
      opened.push(repository);
      return repository;
    });
    for (const repository of opened) await repository.close();
  },
  storage: async ({ folder }, use) => use(createLocalStorage(join(folder, 'repository'))),
  repository: async ({ storage }, use) => {
    const { repository } = await initRepository(storage, testKey);
    await use(repository);
    await repository.close();
  },
  settledRepository: async ({ folder }, use) => {
    const options = { isSettled: async () => true };
    const { repository } = await initRepository(createLocalStorage(join(folder, 'repository')), testKey, options);
    await use(repository);
    await repository.close();
  },
});
/* oxlint-enable no-empty-pattern */
