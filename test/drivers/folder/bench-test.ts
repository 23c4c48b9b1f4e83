/** `test` with a repository and the steps of a backup and of a restore, in a folder of the test's own. */
import { folderTest } from '../../support/folder-test.ts';
import { makeBench, type RestoreBench } from './restore-bench.ts';

interface BenchFixture {
  /** Stands for the age and the file system of all files; by default both are what they are. */
  isSettled: (() => boolean) | undefined;
  kit: RestoreBench;
}

export const benchTest = folderTest.extend<BenchFixture>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none.
  isSettled: async ({}, use) => use(undefined),
  kit: async ({ folder, isSettled }, use) => {
    const kit = await makeBench(folder, isSettled);
    try {
      await use(kit);
    } finally {
      await kit.repository.close();
    }
  },
});
