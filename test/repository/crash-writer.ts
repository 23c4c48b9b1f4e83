/** Child of crash.test.ts: captures a folder again and again, telling how far it is, until it is killed. Never seals. */
import { writeSync } from 'node:fs';
import { openRepository } from '../../src/repository/open.ts';
import type { ComponentWriter } from '../../src/repository/repository.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { addTree, reserve, testKey } from './backup.ts';

const [place = '', source = ''] = process.argv.slice(2);
const repository = await openRepository(createLocalStorage(place), testKey);
const backupId = await reserve(repository);
let writer: ComponentWriter | undefined;
let bytesBefore = 0;
for (;;) {
  let bytesDone = 0;
  const options = { backupId, componentId: 'files', blockSize: 64 * 1024 };
  writer = await repository.writeComponent({
    ...options,
    onProgress: (state) => {
      ({ bytesDone } = state);
      writeSync(
        1,
        `${JSON.stringify({ bytesDone: bytesBefore + bytesDone, packs: writer?.committedPacks() ?? [] })}\n`,
      );
    },
  });
  await addTree(writer, source);
  await writer.finish();
  bytesBefore += bytesDone;
}
