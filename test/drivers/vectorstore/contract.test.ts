import { createHash } from 'node:crypto';
import { chmod, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createVectorstoreDriver } from '../../../src/drivers/vectorstore/driver.ts';
import { storeFiles } from '../../../src/drivers/vectorstore/files.ts';
import { createProcessTarget } from '../../../src/platform/process/process-target.ts';
import { driverContract, type Subject } from '../../contracts/driver.ts';
import { enlarged } from '../../contracts/enlarged.ts';
import { configOf, writeStore } from './store.ts';

// What another engine is to a database, another embedding model is to vectors.
driverContract('vectorstore', makeVectorstoreSubject, {
  newer: (repository, record) => ({
    repository: {
      ...repository,
      async readFile(indexId, path) {
        const bytes = await repository.readFile(indexId, path);
        return bytes && Buffer.from(Buffer.from(bytes).toString().replaceAll('all-MiniLM-L6-v2', 'all-MiniLM-L6-v3'));
      },
    },
    record: { ...record, facts: { ...record.facts, embeddingModel: 'all-MiniLM-L6-v3' } },
  }),
});

async function makeVectorstoreSubject(folder: string): Promise<Subject> {
  const parent = join(folder, 'appliance');
  const live = join(parent, 'vectorstore');
  const config = configOf(live);
  const driver = createVectorstoreDriver(config, {
    target: createProcessTarget(),
    stateDir: join(folder, 'state'),
    secret: async () => undefined,
  });
  return {
    config,
    driver,
    module: join(import.meta.dirname, '../../../src/drivers/vectorstore/driver.ts'),
    factory: 'createVectorstoreDriver',
    start: async () => {},
    stop: async () => {},
    seed: () => writeStore(live, { vectors: 200 }),
    change: () => writeStore(live, { vectors: 90 }),
    async content() {
      const hashes = storeFiles.map(async (name) =>
        createHash('sha256')
          .update(await readFile(join(live, name)))
          .digest('hex'),
      );
      return (await Promise.all(hashes)).join('\n');
    },
    destroy: () => rm(live, { recursive: true }),
    empty: () => rm(join(live, 'metadata.json')),
    deny: () => chmod(join(live, 'faiss_index.faiss'), 0),
    async lock() {
      await chmod(parent, 0o500);
      return { unlock: () => chmod(parent, 0o700) };
    },
    privateEngine: /index-child/,
    enlarge: enlarged,
    dispose: async () => {},
  };
}
