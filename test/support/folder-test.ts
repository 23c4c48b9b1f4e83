/** `folderTest` is for tests that need a place for files and no engine; `engineTest` adds engines to it. */
import { test } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';

export interface FolderFixture {
  /** A fresh temporary folder per test. */
  folder: string;
}

export const folderTest = test.extend<FolderFixture>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads from the pattern which fixtures a fixture needs: none.
  folder: async ({}, use) => {
    const folder = await temporaryFolder();
    try {
      await use(folder.path);
    } finally {
      await folder.remove();
    }
  },
});
