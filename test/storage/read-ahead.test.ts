import { expect, test } from 'vitest';
import { inFolders, Readings } from '../../src/storage/ssh/read-ahead.ts';

const folders = Array.from({ length: 20 }, (_, number) => `${number}/`);

test('some folders are listed before their turn, and come in their order', async () => {
  const begun: string[] = [];
  async function* list(folder: string): AsyncGenerator<string> {
    begun.push(folder);
    yield `${folder}a`;
    yield `${folder}b`;
  }
  const listed = inFolders(folders, list);
  expect((await listed.next()).value).toEqual(['0/a', '0/b']);
  expect(begun).toEqual(folders.slice(0, 8));
  const rest: string[] = [];
  for await (const folder of listed) rest.push(...folder);
  expect(rest).toEqual(folders.slice(1).flatMap((folder) => [`${folder}a`, `${folder}b`]));
  expect(begun).toEqual(folders);
});

test('a folder that cannot be read fails the listing in its turn', async () => {
  async function* list(folder: string): AsyncGenerator<string> {
    if (folder === '2/') throw new Error('closed');
    yield folder;
  }
  const listed = inFolders(folders, list);
  expect([(await listed.next()).value, (await listed.next()).value]).toEqual([['0/'], ['1/']]);
  await expect(listed.next()).rejects.toThrow('closed');
});

test('so many readings are under way at a time, and those that fail make room', async () => {
  const readings = new Readings();
  let [under, most] = [0, 0];
  const ended = await Promise.allSettled(
    Array.from({ length: 100 }, async (_, number) =>
      readings.run(async () => {
        under += 1;
        most = Math.max(most, under);
        await Promise.resolve();
        under -= 1;
        if (number % 3 === 0) throw new Error('no');
        return number;
      }),
    ),
  );
  expect(most).toBe(16);
  expect(ended.filter(({ status }) => status === 'rejected')).toHaveLength(34);
});
