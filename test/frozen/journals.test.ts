/** Swap journals as the frozen version wrote them are read whole: an undo may come from a later version. */
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readJournal } from '../../src/drivers/swap/journal.ts';
import { journalName } from '../../src/drivers/swap/names.ts';
import { folderTest as test } from '../support/folder-test.ts';

const folderOfThem = join(import.meta.dirname, 'journals');

test.for(await readdir(folderOfThem))('%s', async (name, { folder }) => {
  const path = join(folderOfThem, name);
  await copyFile(path, join(folder, journalName('data')));
  expect(await readJournal(folder, 'data')).toEqual(JSON.parse(await readFile(path, 'utf8')));
});
