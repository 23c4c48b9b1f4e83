import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readJournal } from '../../../src/drivers/swap/journal.ts';
import { journalName } from '../../../src/drivers/swap/names.ts';
import { folderTest as test } from '../../support/folder-test.ts';

test.for(['', '{"format":1,', 'not JSON', 'null', '{"format":1}', '{"format":1,"pairs":[{}]}'])(
  'a journal that a disk or a hand spoiled is told with its path: %j',
  async (text, { folder }) => {
    const path = join(folder, journalName('data'));
    await writeFile(path, text);
    await expect(readJournal(folder, 'data')).rejects.toMatchObject({
      code: 'SwapIncomplete',
      message: expect.stringContaining(`\`${path}\` is damaged: `) as string,
      hint: expect.stringContaining('lifeboat-aside') as string,
    });
  },
);
