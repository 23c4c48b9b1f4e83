import type { Repository } from '../../src/repository/repository.ts';

/** The repository with every file of an index as large as no disk. */
export function enlarged(repository: Repository, sizeBytes = 2 ** 50): Repository {
  return {
    ...repository,
    async *readIndex(indexId, signal) {
      for await (const entry of repository.readIndex(indexId, signal))
        yield entry.type === 'file' ? { ...entry, size: sizeBytes } : entry;
    },
  };
}
