/** Child of memory.test.ts: pushes one large file that does not compress, restores it, tells its peak memory. */
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { openRepository } from '../../src/repository/open.ts';
import { createLocalStorage } from '../../src/storage/local/local-storage.ts';
import { backUp, testKey } from './backup.ts';

const [folder = '', size = '0'] = process.argv.slice(2);
const repository = await openRepository(createLocalStorage(join(folder, 'repository')), testKey, { threads: 2 });
const { record } = await backUp(
  repository,
  async (writer) => {
    const file = await writer.open(
      { path: 'large', type: 'file', mode: 0o600, mtimeNs: '0', uid: 0, gid: 0 },
      Number(size),
    );
    const chunk = Buffer.alloc(1024 * 1024);
    for (let at = 0; at < Number(size); at += chunk.length) await file.write(randomFillSync(chunk));
    await file.close();
  },
  { blockSize: 256 * 1024 },
);
const { bytes } = await repository.materialize({ indexId: record.indexId, into: join(folder, 'target') });
await repository.close();
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ storedBytes: record.storedBytes, restoredBytes: bytes, peakBytes }));
