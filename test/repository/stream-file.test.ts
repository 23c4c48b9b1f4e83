import { createHash, randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { FileEntry } from '../../src/domain/entry.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { backUp, testKey } from './backup.ts';
import { repositoryTest } from './fixture.ts';

const bytes = 24 * 1024 * 1024;

/** A point with one file of random bytes, and the entry of it. */
async function storeBig(repository: Repository): Promise<{ indexId: string; entry: FileEntry; content: Buffer }> {
  const content = randomBytes(bytes);
  const { record } = await backUp(repository, (writer) => writer.bytes('big', content));
  const { indexId } = record;
  for await (const entry of repository.readIndex(indexId)) {
    if (entry.type === 'file') return { indexId, entry, content };
  }
  throw new Error('the file is not in its index');
}

/** Counts the bytes that are read. */
function counting(storage: Storage): { storage: Storage; read: () => number } {
  let read = 0;
  return {
    read: () => read,
    storage: new Proxy(storage, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (name !== 'read') return typeof member === 'function' ? (member.bind(target) as unknown) : member;
        return async (...args: Parameters<Storage['read']>) => {
          const content = await target.read(...args);
          read += content.length;
          return content;
        };
      },
    }),
  };
}

repositoryTest(
  'a file comes block after block, whole, and nobody who needs its beginning pays for its end',
  async ({ repository, storage, open }) => {
    const { indexId, entry, content } = await storeBig(repository);
    const counted = counting(storage);
    const reader = await open(counted.storage, testKey);
    const hash = createHash('sha256');
    let largest = 0;
    for await (const block of reader.streamFile(indexId, entry)) {
      hash.update(block);
      largest = Math.max(largest, block.length);
    }
    expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'));
    expect(largest).toBe(64 * 1024);

    const before = counted.read();
    for await (const block of reader.streamFile(indexId, entry)) {
      expect(content.subarray(0, block.length).equals(block)).toBe(true);
      break;
    }
    expect(counted.read() - before).toBeLessThan(bytes / 4);
  },
);

repositoryTest(
  'D2.7: a spoiled block ends the stream with the names of object and file, before it is given',
  async ({ repository, storage, folder }) => {
    const { indexId, entry, content } = await storeBig(repository);
    const [, offset = 0] = entry.blocks[20] ?? [];
    for await (const { key, size } of storage.list('packs/')) {
      if (size <= offset + 100) continue;
      const path = join(folder, 'repository', key);
      const stored = await readFile(path);
      stored[offset + 100]! ^= 1;
      await chmod(path, 0o600);
      await writeFile(path, stored);
    }

    let given = 0;
    const read = async (): Promise<void> => {
      for await (const block of repository.streamFile(indexId, entry)) {
        expect(content.subarray(given, given + block.length).equals(block)).toBe(true);
        given += block.length;
      }
    };
    await expect(read()).rejects.toMatchObject({
      code: 'ObjectCorrupt',
      message: expect.stringMatching(/^object packs\/\S+, file big: /) as string,
    });
    expect(given).toBeLessThan(bytes);
  },
);

repositoryTest('a stream that is stopped ends between two blocks', async ({ repository }) => {
  const { indexId, entry } = await storeBig(repository);
  const stop = new AbortController();
  const read = async (): Promise<void> => {
    for await (const _block of repository.streamFile(indexId, entry, stop.signal)) stop.abort(new Error('stopped'));
  };
  await expect(read()).rejects.toThrow('stopped');
});
